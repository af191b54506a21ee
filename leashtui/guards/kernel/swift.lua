-- The file guard's most frequent acts without a word of Python: what was judged a moment ago, done again beside it.
--
-- A new file, link or folder in a directory where one of the same kind of name was just made in the same session. The
-- directory is held open and still has the path it was judged by; the name is new, or nothing is done; what was made is
-- noted for undo before the caller has it. Whatever differs in any way is left untouched for the file guard proper.
-- Knows what `learn` said. Refuses to judge, and to follow anything. Invariant: what is made here, `files.py` would have
-- made, for the same caller, with the same mode, after the same note.

local ffi = require("ffi")
local bit = require("bit")
local setting, names, load_folders, load_callers = ...
local kind_of = names.kind_of

ffi.cdef [[
typedef struct { uint64_t id; uint32_t pid, flags; int32_t number; uint32_t arch; uint64_t ip; uint64_t args[6]; } leash_notice;
typedef struct { uint64_t id; int64_t value; int32_t error; uint32_t flags; } leash_answer;
typedef struct { uint64_t id; uint32_t flags, source, target, newfd_flags; } leash_gift;
typedef struct { void *base; size_t length; } leash_span;
typedef struct { int fd; short events, revents; } leash_poll;
typedef struct { long seconds, nanoseconds; } leash_time;
int ppoll(leash_poll *, unsigned long, const leash_time *, const void *);
int ioctl(int, unsigned long, void *);
ssize_t process_vm_readv(int, const leash_span *, unsigned long, const leash_span *, unsigned long, unsigned long);
ssize_t readlink(const char *, char *, size_t);
ssize_t readlinkat(int, const char *, char *, size_t);
ssize_t read(int, void *, size_t);
ssize_t write(int, const void *, size_t);
int openat(int, const char *, int, unsigned);
int linkat(int, const char *, int, const char *, int);
int mkdirat(int, const char *, unsigned);
int unlinkat(int, const char *, int);
int statx(int, const char *, int, unsigned, void *);
unsigned umask(unsigned);
int close(int);
int access(const char *, int);
long syscall(long, ...);
int fcntl(int, int, int);
long lseek(int, long, int);
int pthread_sigmask(int, const void *, void *);
int sched_getcpu(void);
int sched_getaffinity(int, size_t, uint64_t *);
int sched_setaffinity(int, size_t, const uint64_t *);
]]
local C = ffi.C
local folders = load_folders(setting, names)
local link_text, note_for, is_any = folders.link_text, folders.note_for, folders.is_any
local callers = load_callers(setting, link_text)
local read_text, as_we_are, mask_of = callers.read_text, callers.as_we_are, callers.mask_of

local NONE, ASK, GONE = 0, 1, 2
local NOTED_MARK, MADE_MARK, GONE_MARK = "+", "-", "x"
local POLLIN, EINTR, ENOENT, EACCES, EEXIST, EINVAL, ENOTEMPTY = 1, 4, 2, 13, 17, 22, 39
local CWD, MOST = -100, 256
local WORDS = 16  -- of 64 processors each
local CREAT, EXCL, CLOEXEC, NOCTTY = setting.O_CREAT, setting.O_EXCL, setting.O_CLOEXEC, setting.O_NOCTTY
local NONBLOCK, NOFOLLOW, SETFL, HERE = setting.O_NONBLOCK, setting.O_NOFOLLOW, 4, 1
local SPECIAL, PATH = setting.special, setting.path
local NO_FOLLOW, KIND, SOCKET = 0x100, 1, 0xc000
local EMPTY, INODE, MOUNTED = 0x1000, 0x100, 0x2000
local kinds = ffi.new("uint16_t[128]")  -- struct statx: its mode is the fifteenth
local OWN, DEEP, CONTINUE, TRUNC, REMOVEDIR = 65536, 64, 1, 0x200, 0x200
local numbers = setting.numbers
local listener = setting.listener

local notice = ffi.cast("leash_notice *", setting.notice)
local SIZE = ffi.sizeof("leash_notice")
local answer, gift = ffi.new("leash_answer"), ffi.new("leash_gift")
local near = ffi.new("leash_poll[1]")
near[0].fd, near[0].events = listener, POLLIN
local ROOM = 1024
local text = ffi.new("char[?]", ROOM + 1)
local how = ffi.new("uint64_t[3]")  -- struct open_how: below where it starts, by no link
how[0], how[2] = setting.path, 0x08 + 0x04 + 0x02
local first, second = ffi.new("uint64_t[32]"), ffi.new("uint64_t[32]")  -- struct statx: its fifth is the inode
local every, before = ffi.new("unsigned char[128]"), ffi.new("unsigned char[128]")
local patience = ffi.new("leash_time")
ffi.fill(every, 128, 0xff)

local made = {}
local boxed, through = false, -1  -- whether the caller has a sandbox of its own; its directory that it means
local look = setting.look  -- tier compat: whose view of the files is ours; nil: everybody's
local free = {}
for name in setting.free:gmatch("%S+") do free[name] = true end
local own, owned = {}, 0  -- what was made in the session and undo keeps nothing of, by path
local aside = {}  -- names that somebody else's files were put aside under: what is lost there has another name
local former, formers, prompt = {}, 0, true  -- names that others' files had; prompt: whether each of them is here

local mask_before, mask_now = -1, -1

-- Make files with this umask until the turn is over.
local function put_on(mask)
  if mask == mask_now then return end
  local was = C.umask(mask)
  if mask_before < 0 then mask_before = was end
  mask_now = mask
end

-- Whether two descriptors name the same directory.
local function is_same(one, other)
  local well = C.statx(one, "", EMPTY, INODE, first) == 0 and C.statx(other, "", EMPTY, INODE, second) == 0
  return well and first[4] == second[4] and first[17] == second[17]
end

-- As `find`, for a thread with a sandbox of its own: by its own ways, none of them a link, and by its own mounts. That
-- it is the same directory is seen by its inode, whatever either calls it.
local function find_within(tid, number, name)
  local head, last = name:match("^(.*)/([^/]*)$")
  if not head then head, last = "", name end
  local base = "/proc/" .. tid .. (name:byte(1) == 47 and "/root" or number == CWD and "/cwd" or "/fd/" .. number)
  local fd = C.openat(CWD, base, bit.bor(setting.O_PATH, CLOEXEC), 0)
  if fd < 0 then return nil end
  head = head:gsub("^/+", "")
  if head ~= "" then
    local from = fd
    fd = tonumber(C.syscall(numbers.openat2, ffi.cast("long", from), head, how, ffi.cast("long", 24)))
    C.close(from)
    if fd < 0 then return nil end
  end
  through = fd
  local path = link_text("/proc/self/fd/" .. fd)
  local folder = path and folders.at(path)
  if not folder or folder.but[last] or not is_same(fd, folder.fd) then return nil end
  return folder, last, fd
end

-- (folder as it was learned, last component, what names the folder): nil unless that directory lies there now.
local function find(tid, number, name)
  if not name then return nil end
  if boxed then return find_within(tid, number, name) end
  if name:byte(1) ~= 47 then
    local base = link_text(number == CWD and "/proc/" .. tid .. "/cwd" or "/proc/" .. tid .. "/fd/" .. number)
    if not base then return nil end
    while name:sub(1, 2) == "./" do name = name:sub(3) end
    name = base .. "/" .. name
  end
  local cut = #name
  while cut > 0 and name:byte(cut) ~= 47 do cut = cut - 1 end
  local folder, last = folders.at(name:sub(1, cut - 1)), name:sub(cut + 1)
  if not folder or folder.but[last] then return nil end
  return folder, last, folder.fd
end

-- The session made this file, and undo keeps nothing of it.
local function take_over(path)
  if owned >= OWN then own, owned = {}, 0 end
  if not own[path] then own[path], owned = true, owned + 1 end
end

-- What bore this name does no more. What comes to bear one that others' files had is not the session's own.
local function leave(path)
  if own[path] then
    own[path] = nil
  elseif prompt and not former[path] then
    former[path], formers = true, formers + 1
    prompt = formers < OWN
  end
end

local function remember(folder, name, tape, tid)
  local path = folder.path .. "/" .. name
  if tape == 0 and prompt and not former[path] then take_over(path) end
  if tape > 0 then
    local line = '{"what":"made","path":"' .. path .. '"}\n'
    C.write(tape, line, #line)
  end
  made[#made + 1] = (tape > 0 and NOTED_MARK or MADE_MARK) .. path .. "\t" .. tid
end

-- An ioctl that is done again where it was cut short. What it returns, nil where it failed.
local function surely(what, about)
  while true do
    local result = C.ioctl(listener, what, about)
    if result >= 0 then return result end
    if ffi.errno() ~= EINTR then return nil end
  end
end

local function reply(value, error, flags)
  answer.id, answer.value, answer.error, answer.flags = notice.id, value, -error, flags
  surely(setting.SEND, answer)
  return true
end

-- To take a descriptor the kernel wakes the caller and then us by the rules for strangers: on whatever processor is idle,
-- from which it has to be called first (40 of 60 us). In a run of calls both are kept on one meanwhile: we for the turn,
-- the caller, who cannot look or start anything, until it has the descriptor.
local its, ours, only = ffi.new("uint64_t[?]", WORDS), ffi.new("uint64_t[?]", WORDS), ffi.new("uint64_t[?]", WORDS)
local nth, pinned = 0, -1  -- of the calls of this turn; our processor

local function stay()
  if pinned >= 0 then return true end
  local here = C.sched_getcpu()
  if here < 0 or here >= WORDS * 64 or C.sched_getaffinity(0, WORDS * 8, ours) ~= 0 then return false end
  ffi.fill(only, WORDS * 8)
  only[math.floor(here / 64)] = bit.lshift(1ULL, here % 64)
  if C.sched_setaffinity(0, WORDS * 8, only) == 0 then pinned = here end
  return pinned >= 0
end

local function come_near(tid)
  if nth == 0 or nth == MOST - 1 or not stay() or C.sched_getaffinity(tid, WORDS * 8, its) ~= 0 then return false end
  local word = math.floor(pinned / 64)
  return bit.band(its[word], only[word]) ~= 0 and C.sched_setaffinity(tid, WORDS * 8, only) == 0
end

local function part()
  if pinned >= 0 then C.sched_setaffinity(0, WORDS * 8, ours) end
  pinned = -1
end

-- See Listener.hand.
local function hand(fd, flags)
  gift.id, gift.flags, gift.source, gift.target = notice.id, setting.GIVEN, fd, 0
  gift.newfd_flags = bit.band(flags, CLOEXEC)
  local tid = notice.pid
  local is_near = come_near(tid)
  local given = surely(setting.ADDFD, gift)
  local error = given and 0 or ffi.errno()
  if is_near then C.sched_setaffinity(tid, WORDS * 8, its) end
  C.close(fd)
  if given then return setting.GIVEN ~= 0 or reply(given, 0, 0) end
  return error == ENOENT or reply(0, error, 0)
end

local function say(error) return reply(0, error, 0) end

-- The kernel does it, on what the floor gives to everybody: never for an open that empties what it may not write.
local function go_on() return reply(0, 0, CONTINUE) end

local function low(value) return tonumber(ffi.cast("int32_t", value)) end

-- A file that the session made itself, opened again to be written: never waited for, never a pipe's or a device's. What
-- git keeps is judged by who asks.
local function own_file(folder, name, flags)
  if note_for(folder, name) ~= 0 or folder.path:find("/.git", 1, true) then return false end
  local ours = bit.bor(bit.band(flags, bit.bnot(CREAT)), NOFOLLOW, NONBLOCK, NOCTTY, CLOEXEC)
  local fd = C.openat(folder.fd, name, ours, 0)
  if fd < 0 then return false end
  if C.lseek(fd, 0, HERE) < 0 or bit.band(flags, NONBLOCK) == 0 and C.fcntl(fd, SETFL, flags) ~= 0 then
    C.close(fd)
    return false
  end
  return hand(fd, flags)
end

local function new_file(tid, number, address, flags, mode)
  if bit.band(flags, SPECIAL) ~= 0 or bit.band(mode, 0xc00) ~= 0 then return false end
  local called = read_text(tid, address)
  if free[called] and look then return false end  -- no floor holds
  if free[called] and (bit.band(flags, TRUNC) == 0 or bit.band(flags, 3) % 3 ~= 0) then return go_on() end
  local folder, name, at = find(tid, number, called)
  if not folder then return false end
  if not boxed and own[folder.path .. "/" .. name] and bit.band(flags, EXCL) == 0 then
    return as_we_are(tid) and own_file(folder, name, flags)
  end
  local tape = bit.band(flags, CREAT) ~= 0 and note_for(folder, name)
  if not tape or not as_we_are(tid) then return false end
  local mask = mask_of(tid)
  if not mask then return false end
  local ours = bit.bor(flags, EXCL, NOCTTY, CLOEXEC)
  put_on(mask)
  local fd = C.openat(at, name, ours, bit.band(mode, 0x3ff))
  if fd < 0 then return false end
  remember(folder, name, tape, tid)
  return hand(fd, flags)
end

-- Whether something bears the name, a link that leads nowhere too.
local function is_there(folder, name)
  return tonumber(C.readlinkat(folder.fd, name, text, ROOM)) >= 0 or ffi.errno() == EINVAL
end

-- Who makes a folder with all above it begins below: what has nothing to lie in is made by nobody.
local function lies_nowhere(tid, name)
  local head = name and not boxed and name:match("^(/.+)/[^/]+$")
  return head and folders.is_cut_off(head) and as_we_are(tid)
end

local function new_folder(tid, number, address, mode)
  local called = read_text(tid, address)
  local folder, name, at = find(tid, number, called)
  if not folder then return lies_nowhere(tid, called) and say(ENOENT) end
  if #name > 0 and is_there(folder, name) then return as_we_are(tid) and say(EEXIST) end
  local tape = folders.note_for_folder(folder, name)
  if not tape or not as_we_are(tid) then return false end
  local mask = mask_of(tid)
  if not mask then return false end
  put_on(mask)
  if C.mkdirat(at, name, bit.band(mode, 0x3ff)) ~= 0 then return false end
  remember(folder, name, tape, tid)
  folders.made(folder, name)
  return say(0)
end

-- A second name for a file, between two directories where every name was allowed. What git keeps gets none elsewhere.
local function new_link(tid, from, address, to, second, flags)
  if flags ~= 0 then return false end
  local source, old = find(tid, from, read_text(tid, address))
  if not source or not is_any(source, old) then return false end
  local target, new = find(tid, to, read_text(tid, second))
  if not target or not is_any(target, new) or not as_we_are(tid) then return false end
  if source.path:find("/.git/", 1, true) and not target.path:find("/.git/", 1, true) then return false end
  if C.linkat(source.fd, old, target.fd, new, 0) ~= 0 then return false end
  remember(target, new, target.any, tid)
  return say(0)
end

-- Whether a socket lies there: somebody outside may listen at it, wherever it is.
local function is_socket(folder, name)
  return C.statx(folder.fd, name, NO_FOLLOW, KIND, kinds) == 0 and bit.band(kinds[14], 0xf000) == SOCKET
end

-- Whether the caller's view has something mounted over that name.
local function is_mounted_on(at, name)
  return C.statx(at, name, NO_FOLLOW, 0, first) == 0 and bit.band(tonumber(first[1]), MOUNTED) ~= 0
end

-- What is not there cannot be removed, whoever asks: git asks before each link. What is, only where anything may be, or
-- where the session made it.
local function removal(tid, number, address, flags)
  local folder, name, at = find(tid, number, read_text(tid, address))
  if not folder or #name == 0 or name == "." or name == ".." then return false end
  if boxed and is_mounted_on(at, name) then return false end
  local path = folder.path .. "/" .. name
  local ours = flags == 0 and (own[path] or folder.drops[kind_of(name)] and not aside[path])
  if flags == REMOVEDIR then ours = folder.any == 0 and not folder.objects and is_any(folder, name) end
  if ours or is_any(folder, name) and folders.may_remove(folder) then
    if not as_we_are(tid) or not own[path] and is_socket(folder, name) then return false end
    if C.unlinkat(at, name, flags) == 0 then
      leave(path)
      made[#made + 1] = GONE_MARK .. path
      return say(0)
    elseif ffi.errno() == ENOTEMPTY then
      return say(ENOTEMPTY)
    end
  elseif tonumber(C.readlinkat(folder.fd, name, text, ROOM)) >= 0 then
    return false
  end
  return ffi.errno() == ENOENT and say(ENOENT)
end

-- ENOENT where nothing bears a name, not even a link that leads nowhere, on a way without links: what those mean may
-- depend on who asks; EACCES where nobody like us may look. Shells and compilers try every folder of PATH.
local function why_none(path)
  for _ = 1, DEEP do
    local head, name = path:match("^(/.+)/([^/]+)$")
    if not head or name == "." or name == ".." then return nil end
    local fd = C.openat(CWD, head, PATH, 0)
    if fd >= 0 then
      local bare = link_text("/proc/self/fd/" .. fd) == head
      local missing = bare and tonumber(C.readlinkat(fd, name, text, ROOM)) < 0 and ffi.errno() == ENOENT
      C.close(fd)
      return missing and ENOENT or nil
    end
    local error = ffi.errno()
    if error == EACCES then return EACCES end
    if error ~= ENOENT then return nil end
    path = head
  end
end

-- A program that is not there. Refused for good whatever the caller does to its memory meanwhile.
local function no_program(tid, address)
  local path = read_text(tid, address)
  local error = path and why_none(path)
  return error and say(error) or false
end

local BOXED = {}  -- what is served for whoever has a sandbox: nothing of two names, no programs
for _, name in ipairs({ "open", "openat", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir" }) do
  BOXED[numbers[name] or -1] = true
end

local function done()
  local number, tid, a = notice.number, notice.pid, notice.args
  boxed = look and not callers.is_bare(tid)
  if boxed and not BOXED[number] then return false end
  if number == numbers.execve then
    return no_program(tid, a[0])
  elseif number == numbers.openat then
    return new_file(tid, low(a[0]), a[1], low(a[2]), low(a[3]))
  elseif number == numbers.open then
    return new_file(tid, CWD, a[0], low(a[1]), low(a[2]))
  elseif number == numbers.mkdir then
    return new_folder(tid, CWD, a[0], low(a[1]))
  elseif number == numbers.mkdirat then
    return new_folder(tid, low(a[0]), a[1], low(a[2]))
  elseif number == numbers.link then
    return new_link(tid, CWD, a[0], CWD, a[1], 0)
  elseif number == numbers.linkat then
    return new_link(tid, low(a[0]), a[1], low(a[2]), a[3], low(a[4]))
  elseif number == numbers.unlink then
    return removal(tid, CWD, a[0], 0)
  elseif number == numbers.rmdir then
    return removal(tid, CWD, a[0], REMOVEDIR)
  elseif number == numbers.unlinkat then
    return removal(tid, low(a[0]), a[1], low(a[2]))
  end
  return false
end

local api = {}

local function let_go()
  if through >= 0 then C.close(through) end
  through = -1
end

local function serve()
  local well = done()
  let_go()
  return well
end

-- Serve what can be served here. wait: how long for the first, ms; linger: for each that follows. NONE: nothing waits;
-- ASK: the notice lies in the buffer; GONE: nobody is guarded any more; and 4 more where `made` has something to say.
-- Negative: the errno of a listener that failed.
local function take(wait, linger)
  local served = 0
  while served < MOST do
    nth = served
    patience.nanoseconds = wait * 1000000
    local count = C.ppoll(near, 1, patience, before)
    if count <= 0 then return NONE end
    if bit.band(near[0].revents, POLLIN) == 0 then return GONE end
    ffi.fill(notice, SIZE)
    if C.ioctl(listener, setting.RECV, notice) ~= 0 then
      local error = ffi.errno()
      if error ~= EINTR and error ~= ENOENT then return -error end
      served = served + 1
    elseif not serve() then
      return ASK
    else
      served = served + 1
      wait = linger
    end
  end
  return NONE
end

-- No signal is taken meanwhile but where it waits: one in the moment a descriptor is handed over would lose it.
function api.take(wait, linger)
  folders.next_turn()
  C.pthread_sigmask(2, every, before)
  local well, state = pcall(take, wait, linger)
  if mask_before >= 0 then
    C.umask(mask_before)
    mask_before, mask_now = -1, -1
  end
  C.pthread_sigmask(2, before, nil)
  part()
  let_go()
  if not well then error(state, 0) end
  if state < 0 or #made == 0 then return state end
  return state + 4
end

-- What was made or removed since the last call, one path a line, behind its mark; a tab and who made it behind that.
function api.made()
  for i = 1, #made do
    local mark, path = made[i]:sub(1, 1), made[i]:match("^.([^\t]*)")
    if mark == MADE_MARK and not former[path] then
      take_over(path)
    elseif mark == GONE_MARK then
      own[path] = nil
    end
  end
  local lines = table.concat(made, "\n")
  made = {}
  return lines
end

api.own = take_over

-- Another's file had this name.
function api.former(path)
  own[path] = nil
  leave(path)
end

-- Another's file was put aside under this name.
function api.aside(path) aside[path] = true end

-- Names changed in a way that is not told one by one.
function api.careful() prompt = false end

-- It is gone, or never was the session's own. '': so is anything.
function api.disown(path)
  if path == "" then own, owned = {}, 0 else own[path] = nil end
end

api.mask, api.forget_masks = callers.mask, callers.forget_masks
api.learn, api.drops, api.removes, api.forget = folders.learn, folders.drops, folders.removes, folders.forget

return api
