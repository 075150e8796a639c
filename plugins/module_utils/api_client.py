# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON over HTTP: retries, limits, and errors that say what to do. The only file that knows C(requests).

What goes out more than once: a read (C(GET)), any request whose connection was never opened, and any request that was
answered with 429, because it was then not carried out. Everything else goes out once, and where an answer is missing
the error says that the outcome is unknown.
"""

from __future__ import annotations

import email.utils
import json
import os
import re
import ssl
import sys
import time
import zlib
from typing import Any, Iterable, Iterator, Mapping
from urllib.parse import quote, urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils.deadline import Deadline, Overdue
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError, one_line
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import is_loopback

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.auth import AuthBase
    from urllib3 import exceptions as urllib3_errors
    from urllib3.util.retry import Retry

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False
    # Only so that the classes below can be made; ApiClient then says what is missing.
    AuthBase = HTTPAdapter = Retry = object  # type: ignore[assignment, misc]

# Seconds. Axiom's limits are per minute (page "Limits"), so a reset further away than this is not worth waiting for.
LONGEST_RATE_LIMIT_WAIT = 65
_DAY = 86400
LARGEST_ANSWER = 32 * 1024 * 1024
DEEPEST_ANSWER = 100
# Times the timeout, which begins anew with every byte: for an attempt as a whole.
LONGEST_ATTEMPT = 4
LONGEST_QUOTE = 300

_SECRET = re.compile(r"xa[ap]t-[A-Za-z0-9_-]+")
# Reasons of OpenSSL's certificate check (X509_V_ERR_*), as found in SSLCertVerificationError.verify_code.
_CERTIFICATE_REASONS = {
    9: ("tls_not_yet_valid", "its certificate is not valid yet: check the clock of this machine"),
    10: ("tls_expired", "its certificate has expired: renew it, or check the clock of this machine"),
    18: ("tls_self_signed", "its certificate is self-signed: name the right CA bundle in {ca}"),
    19: ("tls_self_signed", "its chain ends in a self-signed CA unknown here: name your CA bundle in {ca}"),
    20: ("tls_unknown_ca", "its certificate comes from a CA unknown here: name your CA bundle in {ca}"),
    62: ("tls_wrong_host", "its certificate is for another host name: check {url}"),
    64: ("tls_wrong_host", "its certificate is for another address: check {url}"),
}


class ApiError(CollectionError):
    """A request that failed; C(failure) has its status, code, message, method and path.

    C(status) is None where there was no answer; C(code) is then one of our words. C(outcome_unknown) tells that a
    request which changes something may or may not have been carried out.
    """

    def __init__(self, message: str, failure: Mapping[str, Any], outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.failure = {key: one_line(value) if isinstance(value, str) else value for key, value in failure.items()}
        self.outcome_unknown = outcome_unknown

    def result(self) -> dict[str, Any]:
        return {**super().result(), "failure": self.failure}


def without_secrets(text: str, *secrets: str | None) -> str:
    """The text with everything taken out that is one of the secrets or looks like an Axiom token."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "********")
    return _SECRET.sub("********", text)


def holds_secret(text: str) -> bool:
    """Whether something that looks like an Axiom token was pasted into a text that is no secret."""
    return _SECRET.search(text) is not None


def path_segment(name: str) -> str:
    """A name or id as one segment of a path."""
    return quote(name, safe="")


class _HeaderAuth(AuthBase):
    """Set as the session's auth, so that requests never replaces the header with credentials from a C(.netrc)."""

    def __init__(self, authorization: str) -> None:
        self._authorization = authorization

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = self._authorization
        return request


class _Retries(Retry):
    """Retries of urllib3, with the rules at the top of this file."""

    deadline: Deadline

    def new(self, **changes: Any) -> Any:
        copy = super().new(**changes)
        copy.deadline = self.deadline
        return copy

    def sleep(self, response: Any = None) -> None:
        self.deadline.pause()
        super().sleep(response)
        self.deadline.start()

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code == 429 or super().is_retry(method, status_code, has_retry_after)

    def get_retry_after(self, response: Any) -> float | None:
        if response.status == 429:
            return rate_limit_wait(response.headers)
        try:
            return min(super().get_retry_after(response) or 0, LONGEST_RATE_LIMIT_WAIT) or None
        except (urllib3_errors.InvalidHeader, ValueError, OverflowError):
            return None

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Any:
        if error is not None and (_certificate_error(error) or (method != "GET" and not _never_opened(error))):
            raise error
        limited = response is not None and response.status == 429
        if limited and rate_limit_wait(response.headers) > LONGEST_RATE_LIMIT_WAIT:
            raise urllib3_errors.MaxRetryError(_pool, url or "", urllib3_errors.ResponseError("rate limit"))
        next_attempt = super().increment(method, url, response, error, _pool, _stacktrace)
        if response is not None:
            # urllib3 would read all of it to keep the connection.
            response.close()
        return next_attempt


def rate_limit_wait(headers: Mapping[str, str]) -> float:
    """Seconds until C(X-RateLimit-Reset) (epoch seconds), by the server's own clock where it sends a C(Date).

    Where a limit on the cost of queries was reached, C(Retry-After) says when that ends; the other header is on every
    answer.
    """
    after = headers.get("Retry-After", "")
    if after.isascii() and after.isdigit():
        return min(max(1, float(after)), _DAY)
    try:
        reset = float(headers.get("X-RateLimit-Reset", ""))
        sent = email.utils.parsedate_tz(headers.get("Date", ""))
        return min(max(1, reset - (email.utils.mktime_tz(sent) if sent else time.time())), _DAY)
    except (ValueError, OverflowError):
        return 1


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and everything it wraps, in whichever way requests, urllib3 and ssl happened to wrap it."""
    waiting: list[Any] = [error]
    seen = []
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and current not in seen:
            seen.append(current)
            yield current
            waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]


def _never_opened(error: BaseException) -> bool:
    """Whether the request certainly did not leave: no connection, or none past the proxy."""
    kinds = (urllib3_errors.NewConnectionError, urllib3_errors.ConnectTimeoutError, urllib3_errors.ProxyError)
    return any(isinstance(cause, kinds) for cause in _causes(error))


def _never_sent(error: BaseException) -> bool:
    """Whether requests gave up before it used the network: over options, mostly those of the environment."""
    known = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.InvalidHeader)
    return isinstance(error, known) or type(error) in (OSError, ValueError)


def _certificate_error(error: BaseException) -> BaseException | None:
    for cause in _causes(error):
        # urllib3 has a class of its own for a wrong host name, which is no subclass of the one in ssl.
        if isinstance(cause, ssl.SSLCertVerificationError) or type(cause).__name__ == "CertificateError":
            return cause
    return None


class ApiClient:
    """A JSON API with one way of authorization; its subclasses say whose.

    url: a base URL that was checked. authorization: the header's value. secrets: what must not be in any message.
    settings: C(timeout), C(retries), C(ca_path) and C(proxy), as in connection_argument_spec(). verify: false accepts
    any certificate. Raises ApiError for settings that cannot work, before any request.
    """

    # What messages call the service, what its base URL is, and which option holds it.
    service = ""
    base_url = ""
    url_option = ""
    # Which options hold what else messages send people to.
    ca_option = "ca_path"
    timeout_option = "timeout"
    proxy_option = "proxy (HTTPS_PROXY)"
    # Of every path.
    prefix = ""
    # Whether nothing is ever changed, so that a lost answer leaves nothing in doubt.
    reads_only = False

    def __init__(
        self,
        url: str,
        authorization: str,
        secrets: Iterable[str],
        settings: Mapping[str, Any],
        headers: Mapping[str, str],
        verify: bool = True,
    ) -> None:
        require_requests()
        self.url = url
        self._secrets = list(secrets)
        self._host = urlsplit(self.url).netloc
        self._timeout = _checked_timeout(settings.get("timeout"))
        self._verify = _checked_ca_path(settings.get("ca_path")) if verify else False
        self._proxies = _checked_proxies(settings.get("proxy"))
        self._session = _session()
        self._session.auth = _HeaderAuth(authorization)
        # Nothing but gzip, which can be unpacked up to a limit.
        self._session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip", **headers})
        if is_loopback(urlsplit(self.url).hostname):
            # What is meant for this machine must not travel to a proxy, and over plain http least of all.
            self._session.trust_env, self._proxies = False, None
        self._deadline = Deadline(LONGEST_ATTEMPT * self._timeout)
        adapter = HTTPAdapter(max_retries=_retry_policy(settings.get("retries"), self._deadline))
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def get(self, path: str) -> Any:
        """The decoded answer of a read."""
        return self._request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """The decoded answer; never sent twice unless Axiom certainly did not carry it out."""
        return self._request("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        """The decoded answer."""
        return self._request("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """The decoded answer."""
        return self._request("PATCH", path, body)

    def delete(self, path: str) -> Any:
        """None, or the decoded answer where there is one."""
        return self._request("DELETE", path)

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        try:
            response, content = self._deadline.run(lambda: self._exchanged(method, path, body))
        except Overdue:
            text = (
                f"no whole answer from {self._host} within {self._deadline.seconds:g} s: raise {self.timeout_option}"
                " where the network is slow"
            )
            raise self._error(method, path, None, "timeout", text, method != "GET") from None
        except (requests.RequestException, urllib3_errors.HTTPError, OSError, ValueError) as error:
            raise self._transport_error(method, path, error) from None
        content = self._unpacked(method, path, response, content)
        if not 200 <= response.status_code < 300:
            raise self._status_error(method, path, response, content)
        if response.status_code == 204 or (method == "DELETE" and not content.strip()):
            return None
        try:
            return _decoded(content)
        except ValueError:
            raise self._not_json_error(method, path, response, content) from None

    def _exchanged(self, method: str, path: str, body: Any) -> tuple[Any, bytes]:
        """The answer and its content, as it came; not more than LARGEST_ANSWER."""
        with self._session.request(
            method,
            f"{self.url}{self.prefix}{path}",
            json=body,
            timeout=self._timeout,
            # Given here and not to the session, where the environment would win over them.
            verify=self._verify,
            proxies=self._proxies,
            stream=True,
        ) as response:
            content = bytearray()
            for chunk in response.raw.stream(65536, decode_content=False):
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    raise self._oversized(method, path, response)
            return response, bytes(content)

    def _unpacked(self, method: str, path: str, response: Any, content: bytes) -> bytes:
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding in ("", "identity") or not content:
            return content
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            plain = unpacker.decompress(content, LARGEST_ANSWER + 1) if encoding in ("gzip", "x-gzip") else b""
        except zlib.error:
            plain = b""
        if len(plain) > LARGEST_ANSWER:
            raise self._oversized(method, path, response)
        if not unpacker.eof:
            text = f"{self._host} answered in an encoding that cannot be unpacked: check {self.url_option}"
            raise self._error(method, path, response.status_code, "bad_encoding", text, method != "GET")
        return plain

    def _oversized(self, method: str, path: str, response: Any) -> ApiError:
        text = f"{self._host} answered more than {LARGEST_ANSWER >> 20} MiB: check {self.url_option}"
        return self._error(method, path, response.status_code, "oversized", text, method != "GET")

    def _not_json_error(self, method: str, path: str, response: Any, content: bytes) -> ApiError:
        html = _is_html(response, content)
        text = (
            f"{self._host} answered {'HTML' if html else 'something else'} instead of JSON: {self.url_option} must be"
            f" {self.base_url}, and no log-in page or proxy may answer in its place"
        )
        code = "html" if html else "not_json"
        return self._error(method, path, response.status_code, code, text, unknown=method != "GET")

    def _status_error(self, method: str, path: str, response: Any, content: bytes) -> ApiError:
        status = response.status_code
        code, said = _said(content)
        text = self._status_text(method, path, status, response.headers)
        if _is_html(response, content):
            text += ". The answer is HTML: a log-in page or a proxy may have answered in its place"
        elif said:
            text += f". {self.service} says: {said}"
        trace = response.headers.get("X-Axiom-Trace-Id")
        if trace:
            text += f" (trace id {trace[:LONGEST_QUOTE]})"
        return self._error(method, path, status, code, text, status >= 500 and method != "GET", said or None)

    def _status_text(self, method: str, path: str, status: int, headers: Mapping[str, str]) -> str:
        """What a status means, with the way out."""
        if 300 <= status < 400:
            target = _host_of(headers.get("Location", "")) or "another path"
            return (
                f"{self._host} redirects to {target}, not followed as the token would go with it: correct"
                f" {self.url_option}"
            )
        if status == 404:
            return f"not found (404): {method} {path}: deleted meanwhile, or {self.url_option} is not {self.base_url}"
        if status >= 500:
            return f"{self.service} failed on {method} {path} ({status})"
        return f"{self.service} refuses {method} {path} ({status})"

    def _transport_error(self, method: str, path: str, error: BaseException) -> ApiError:
        certificate = _certificate_error(error)
        if certificate is not None:
            code, reason = _certificate_reason(certificate)
            reason = reason.format(ca=self.ca_option, url=self.url_option)
            text = f"no safe connection with {self._host}: {reason}"
            return self._error(method, path, None, code, text)
        causes = list(_causes(error))

        def due_to(*kinds: type[BaseException]) -> bool:
            return any(isinstance(cause, kinds) for cause in causes)

        if due_to(urllib3_errors.ProxyError):
            code, text = "proxy", f"the proxy does not let us through to {self._host}: check {self.proxy_option}"
        elif due_to(ConnectionRefusedError):
            code, text = "connection_refused", f"{self._host} refuses the connection: check {self.url_option}"
        elif due_to(urllib3_errors.NewConnectionError):
            code, text = "unreachable", f"{self._host} cannot be reached: check {self.url_option} and name resolution"
        elif due_to(urllib3_errors.TimeoutError):
            code, text = (
                "timeout",
                f"no answer from {self._host} within {self._timeout:g} s: raise {self.timeout_option}",
            )
        elif due_to(ssl.SSLError, urllib3_errors.SSLError):
            text = f"{self._host} does not speak TLS as expected: check scheme and port of {self.url_option}"
            code = "tls"
        elif _never_sent(error):
            # Options of the environment, such as a CA bundle that is not there; the text may hold a proxy's password.
            said = re.sub(r"//[^/@\s]*@", "//", " ".join(str(error).split()))
            code, text = "not_sent", f"nothing could be sent to {self._host}: {said[:LONGEST_QUOTE]}"
        else:
            code, text = "connection_torn", f"the connection with {self._host} broke before the whole answer came"
        unknown = method != "GET" and not _never_opened(error) and not _never_sent(error)
        return self._error(method, path, None, code, text, unknown)

    def _error(
        self,
        method: str,
        path: str,
        status: int | None,
        code: str | None,
        text: str,
        unknown: bool = False,
        said: str | None = None,
    ) -> ApiError:
        unknown = unknown and not self.reads_only
        if unknown and method == "POST":
            text += (
                f". Whether POST {path} was carried out is unknown, so it is not repeated: run again, the next run"
                " looks by name first"
            )
        elif unknown:
            text += f". Whether {method} {path} was carried out is unknown: run again, repeating it is harmless"
        failure = {
            "status": status,
            "code": code,
            "message": said or text,
            "method": method,
            "path": self.prefix + path,
        }
        clean = {
            key: without_secrets(value, *self._secrets) if isinstance(value, str) else value
            for key, value in failure.items()
        }
        return ApiError(without_secrets(text, *self._secrets), clean, unknown)


def unsent(code: str, text: str) -> ApiError:
    """An error found before any request."""
    return ApiError(text, {"status": None, "code": code, "message": text, "method": None, "path": None})


def require_requests() -> None:
    """Raise ApiError where the library is missing."""
    if not HAS_REQUESTS:
        raise unsent(
            "requests_missing",
            f"the Python library requests is missing in {sys.executable}, which runs this task: install it there"
            f" ({sys.executable} -m pip install requests), or set ansible_python_interpreter to one that has it",
        )


def checked_url(url: str, option: str, example: str) -> str:
    """A base URL without a slash at its end. Raises ApiError that names the option."""
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise unsent("url_invalid", f"{option} must be a base URL such as {example}")
    if parts.username is not None:
        raise unsent("url_invalid", f"{option} must not hold a user name or password")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise unsent("plain_http", f"{option} is plain http: the token could be read on the way, use https")
    return url


def _checked_timeout(timeout: float | None) -> float:
    if timeout is not None and not timeout > 0:
        raise unsent("timeout_invalid", "timeout must be a number of seconds above 0")
    return timeout or 30


def _checked_ca_path(ca_path: str | None) -> str | None:
    if not ca_path:
        return None
    try:
        if not os.path.isdir(ca_path):
            ssl.create_default_context(cafile=ca_path)
    except ssl.SSLError:
        raise unsent("ca_path_invalid", f"ca_path {ca_path} holds no CA certificates in PEM form") from None
    except OSError as error:
        raise unsent(
            "ca_path_missing", f"ca_path {ca_path} cannot be read where this task runs: {error.strerror}"
        ) from None
    return ca_path


def _checked_proxies(proxy: str | None) -> dict[str, str] | None:
    if not proxy:
        return None
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise unsent("proxy_invalid", "proxy must be a URL such as http://proxy.example.org:3128")
    return {"http": proxy, "https": proxy}


def _session() -> Any:
    """A session that knows no redirects: even told not to follow one, requests reads all of its body."""
    session = requests.Session()
    session.get_redirect_target = lambda _response: None  # type: ignore[assignment,method-assign]
    return session


def _retry_policy(retries: int | None, deadline: Deadline) -> Any:
    policy = _Retries(
        total=3 if retries is None else max(0, retries),
        allowed_methods=frozenset(["GET"]),
        status_forcelist=frozenset([500, 502, 503, 504]),
        backoff_factor=0.5,
        raise_on_status=False,
    )
    policy.deadline = deadline
    return policy


def _certificate_reason(certificate: BaseException) -> tuple[str, str]:
    verify_code = getattr(certificate, "verify_code", None) or 62
    said = getattr(certificate, "verify_message", "")
    return _CERTIFICATE_REASONS.get(verify_code, ("tls", f"its certificate is not trusted ({said})"))


def _is_html(response: Any, content: bytes) -> bool:
    return "html" in response.headers.get("Content-Type", "").lower() or content.lstrip()[:1] == b"<"


def _decoded(content: bytes) -> Any:
    """The document that a body holds. Raises ValueError, also where it is nested deeper than anything that we know."""
    try:
        found = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("depth") from None
    level = [found]
    for _depth in range(DEEPEST_ANSWER):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    if level:
        raise ValueError("depth")
    return found


def _host_of(location: str) -> str:
    """The host that a redirect leads to, empty where it is none or the same."""
    try:
        return urlsplit(location).netloc.rpartition("@")[2][:LONGEST_QUOTE]
    except ValueError:
        return ""


def rate_limit(headers: Mapping[str, str]) -> tuple[str, str]:
    """Whose limit it is, and how many requests per minute."""
    scope, limit = (headers.get(f"X-RateLimit-{name}", "unknown")[:LONGEST_QUOTE] for name in ("Scope", "Limit"))
    return scope, limit


def _said(content: bytes) -> tuple[str | None, str]:
    """Axiom's own code and message out of an error answer; None and an empty text where it holds none."""
    try:
        body = _decoded(content)
    except ValueError:
        return None, ""
    if not isinstance(body, dict):
        return None, ""
    code = str(body["code"])[:LONGEST_QUOTE] if body.get("code") else None
    return code, " ".join(str(body.get("message") or body.get("error") or "").split())[:LONGEST_QUOTE]
