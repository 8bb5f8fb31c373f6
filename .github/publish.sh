#!/usr/bin/env bash
# Show a Markdown file in the job summary and, if $PULL_REQUEST is a number, in one comment on that
# pull request. The comment starts with the marker; it is created the first time and updated later.
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
