-- Who makes a call: the text it points to, as whom it makes files and with which umask, and whose view of the files.
--
-- Knows memory and /proc of a thread that waits for its answer. Refuses to do anything in its stead. Invariant: what
-- cannot be read is nil, and nobody is served on a guess.

local ffi = require("ffi")
local setting, link_text = ...
local C = ffi.C

local ROOM, STATUS = 1024, 4096
local CWD, CLOEXEC, MOUNT_ID = -100, setting.O_CLOEXEC, 0x1000
local text, here, there = ffi.new("char[?]", ROOM + 1), ffi.new("leash_span[1]"), ffi.new("leash_span[1]")
local status = ffi.new("char[?]", STATUS)
local first = ffi.new("uint64_t[32]")  -- struct statx
local masks, settled = {}, true
local look, seen_mask = setting.look, nil

-- As many bytes of the caller's as lie before the next page, `room` at most, put behind the first `at` of text.
local function read_page(tid, address, at, room)
  local rest = 4096 - tonumber(address % 4096)
  if room > rest then room = rest end
  here[0].base, here[0].length = text + at, room
  there[0].base, there[0].length = ffi.cast("void *", address), room
  return tonumber(C.process_vm_readv(tid, here, 1, there, 1, 0))
end

-- The caller's string; nil when it is long, or not there.
local function read_text(tid, address)
  local count = read_page(tid, address, 0, ROOM)
  if count <= 0 then return nil end
  text[count] = 0
  local found = ffi.string(text)
  if #found < count then return found end
  if count == ROOM then return nil end
  local more = read_page(tid, address + count, count, ROOM - count)  -- it goes on in the next page
  if more <= 0 then return nil end
  text[count + more] = 0
  found = ffi.string(text)
  return #found < count + more and found or nil
end

local function status_of(tid)
  local fd = C.openat(CWD, "/proc/" .. tid .. "/status", CLOEXEC, 0)
  if fd < 0 then return nil end
  local count = tonumber(C.read(fd, status, STATUS))
  C.close(fd)
  return count > 0 and ffi.string(status, count) or nil
end

-- Whether it is done as whom we are: always, unless we are root and the caller is somebody else.
local function as_we_are(tid)
  if not setting.root then return true end
  local said = status_of(tid)
  return said and said:find("\nUid:\t0\t0\t0\t0\n", 1, true) and said:find("\nGid:\t0\t0\t0\t0\n", 1, true)
end

-- Whether the thread has no sandbox but the session's (views.is_bare), and what its umask is: nobody tells of changes.
local function is_bare(tid)
  local said = status_of(tid)
  seen_mask = said and tonumber(said:match("\nUmask:\t(%d+)\n") or "x", 8)
  local root = "/proc/" .. tid .. "/root"
  local ours = look[link_text("/proc/" .. tid .. "/ns/mnt")] and link_text(root) == "/"
    and C.statx(CWD, root, 0, MOUNT_ID, first) == 0 and look.roots[tonumber(first[18])]
  return ours and seen_mask and tonumber(said:match("\nSeccomp_filters:\t(%d+)\n") or "0") <= look.filters
end

-- The caller's umask, remembered while no thread changes its own.
local function mask_of(tid)
  local mask = look and seen_mask or masks[tid]
  if not mask then
    local said = status_of(tid)
    mask = said and tonumber(said:match("\nUmask:\t(%d+)\n") or "x", 8)
    if settled then masks[tid] = mask end
  end
  return mask
end

local api = { read_text = read_text, as_we_are = as_we_are, is_bare = is_bare, mask_of = mask_of }

function api.mask(tid, mask) masks[tid] = mask end

-- stable: whether no thread was seen to change its own since the session began.
function api.forget_masks(stable) masks, settled = {}, stable end

return api
