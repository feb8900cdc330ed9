#!/bin/sh
# A host links many libraries into one process: the core must give it one name and no other.
set -u
build=${MOONBASE_BUILD:-build}
passed=0
failed=0

for core in "$build"/5.4/moonbase/core.so "$build"/luajit/moonbase/core.so; do
  [ -f "$core" ] || continue
  names=$(nm -D --defined-only "$core" | awk '$2 != "A" { print $3 }')
  if [ "$names" = luaopen_moonbase_core ]; then
    passed=$((passed + 1))
  else
    echo "$core exports:" $names
    failed=$((failed + 1))
  fi
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
