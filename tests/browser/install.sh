#!/bin/sh
# Find a Chromium for the browser tests, or fetch one: the system's package where that is possible
# without a question, else Playwright's own download.
set -eu
for name in chromium-headless-shell chromium; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    # The shell draws pages and nothing else: no window, so a fifth less work for each test.
    apt-get install -y -qq chromium-headless-shell >/dev/null || apt-get install -y -qq chromium >/dev/null
else
    .venv/bin/playwright install chromium
fi
