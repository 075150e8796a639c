# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of the connection with Axiom's API; their code is in module_utils/axiom_client.py."""

    DOCUMENTATION = r"""
options:
  token:
    description:
      - The management token, an API token (C(xaat-...)) or a personal token (C(xapt-...)).
      - >-
        The least an API token needs are the org capabilities C(datasets) with C(create), C(read) and C(update), and
        C(apiTokens) with C(create), C(read) and C(delete), the latter because a token is deleted again where its
        secret could not be stored. Deleting datasets needs C(datasets) with C(delete) too, and rotating tokens
        C(apiTokens) with C(update).
      - A personal token may do whatever its person may, and needs O(org_id).
      - If not set, the environment variable E(AXIOM_TOKEN) of the machine that runs the task is used.
    type: str
  org_id:
    description:
      - The organization's id, sent as header C(X-Axiom-Org-Id). Needed for personal tokens.
      - If not set, the environment variable E(AXIOM_ORG_ID) of the machine that runs the task is used.
    type: str
  url:
    description:
      - Base URL of Axiom's API, not that of an edge deployment. A trailing C(/) or C(/v2) does not matter.
      - Plain C(http) is refused except for a loopback address. A redirect is never followed.
      - If not set, the environment variable E(AXIOM_URL) of the machine that runs the task is used.
    type: str
    default: https://api.axiom.co
  timeout:
    description:
      - Seconds to wait for a connection, and then for an answer to begin or to go on.
      - An attempt that is not over after four times as long is given up, however slowly an answer comes.
    type: float
    default: 30
  retries:
    description:
      - How often to try again. Only reads are tried again, and what certainly was not carried out, which is a request
        whose connection could not be opened, or one answered with 429 (rate limit) when C(X-RateLimit-Reset) is near.
    type: int
    default: 3
  ca_path:
    description:
      - A file or folder with the CA certificates to trust instead of the usual ones.
      - If not set, E(REQUESTS_CA_BUNDLE) is honoured.
    type: path
  proxy:
    description:
      - URL of the proxy for requests to Axiom. A loopback O(url) never goes through a proxy.
      - If not set, E(HTTPS_PROXY) and E(NO_PROXY) are honoured.
    type: str
requirements:
  - Python library C(requests), in the Python that runs the task
"""
