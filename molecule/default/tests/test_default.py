def test_folder(host):
    assert host.file("/etc/claude-code").is_directory
