#!/bin/sh
# The rock builds and installs without network, for each Lua, and what it installs works away from
# the checkout.
set -u
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# LuaRocks leaves objects beside the sources, so each build gets sources of its own.
copy_sources() {
  mkdir -p "$1"
  for part in moonbase-scm-1.rockspec LICENSE src lua bin; do
    [ ! -e "$part" ] || cp -R "$part" "$1/"
  done
}

# install_for INTERPRETER VERSION LUAROCKS_VARIABLE...
install_for() {
  interpreter=$1
  version=$2
  shift 2
  copy_sources "$work/$interpreter"
  (
    cd "$work/$interpreter" || exit 1
    luarocks --lua-version="$version" --tree "$work/$interpreter-tree" make --deps-mode=none "$@"
  ) >"$work/$interpreter.log" 2>&1 </dev/null
}

# Runs from another folder, with the installed tree and what Debian packages as the only paths.
try_module() {
  (
    cd "$work" || exit 1
    LUA_PATH="$work/$1-tree/share/lua/$2/?.lua;$work/$1-tree/share/lua/$2/?/init.lua;;" \
      LUA_CPATH="$work/$1-tree/lib/lua/$2/?.so;;" "$1" - <<'LUA'
local moonbase = require "moonbase"
local store = assert(moonbase.open(":memory:"))
print("moonbase " .. moonbase._VERSION, tostring(store))
LUA
  ) >"$work/$1.out" 2>&1
}

# The command is installed as a program, which finds its modules by itself.
try_command() {
  command="$work/$1-tree/bin/moonbase"
  (
    cd "$work" || exit 1
    "$command" --version && ! "$command" info missing.db 2>/dev/null && [ ! -e missing.db ]
  ) >>"$work/$1.out" 2>&1
}

check() {
  if install_for "$@" && try_module "$1" "$2" && try_command "$1"; then
    passed=$((passed + 1))
    echo "$1: $(cat "$work/$1.out")"
  else
    failed=$((failed + 1))
    echo "$1: installation failed"
    tail -n 8 "$work/$1.log" "$work/$1.out" 2>/dev/null
  fi
}

check lua5.4 5.4
check luajit 5.1 LUA_INCDIR="$(pkg-config --variable=includedir luajit)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
