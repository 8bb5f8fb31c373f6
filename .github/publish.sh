#!/usr/bin/env bash
# Show a Markdown file as job summary and, if $PULL_REQUEST is a number, as the one comment there
# that begins with the marker: a new one the first time, updated from then on.
set -euo pipefail
marker='<!-- reduced pipeline -->'
body=$(mktemp)
{
  echo "$marker"
  cat "$1"
  echo
  echo "[Charts, images, report and new baseline](${RESULTS}) of ${COMMIT}."
} > "$body"
cat "$body" >> "$GITHUB_STEP_SUMMARY"
[ -n "$PULL_REQUEST" ] || exit 0

ours=".[] | select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"$marker\"))) | .id"
comment=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" --jq "$ours" | tail -n 1)
if [ -n "$comment" ]; then
  gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$comment" --field "body=@$body"
else
  gh api --silent --method POST "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" --field "body=@$body"
fi
