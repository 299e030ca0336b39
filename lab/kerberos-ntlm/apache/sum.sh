#!/bin/sh
# Tells who asks and how, and the length and SHA-256 of the body that arrived.
body=$(mktemp)
cat >"$body"
sum=$(sha256sum <"$body" | cut -c1-64)
length=$(stat -c %s "$body")
rm "$body"
printf 'Content-Type: text/plain\r\n\r\n'
printf 'user=%s mech=%s method=%s length=%s sha256=%s\n' "${REMOTE_USER:--}" "${GSS_MECH:--}" "$REQUEST_METHOD" "$length" "$sum"
