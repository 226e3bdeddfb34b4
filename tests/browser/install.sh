#!/bin/sh
# Find a Chromium for the browser tests, or fetch one: the system's package where that is possible
# without a question, else Playwright's own download.
set -eu
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && apt-get install -y -qq chromium >/dev/null
else
    .venv/bin/playwright install chromium
fi
