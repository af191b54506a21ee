-- Directories that were judged: held open, with what was found about the names in each.
--
-- Knows that a directory still has the path it was judged by, and whose judgement holds for a folder inside it. Refuses
-- to make or remove anything. Invariant: what is given out by a path lies there now, and stays open for the whole turn:
-- within one nobody in the session can move it, for every change of a name is made by this thread (but in sandboxes of
-- tier compat: there each is looked at anew).

local ffi = require("ffi")
local setting, names = ...
local C = ffi.C
local FOLDER, kind_of, kind_of_folder = names.FOLDER, names.kind_of, names.kind_of_folder
local is_plain, is_hex = names.is_plain, names.is_hex
local HELD, PATH, DUPFD_CLOEXEC, ROOM, ENOENT = setting.held, setting.path, 1030, 1024, 2
local text = ffi.new("char[?]", ROOM + 1)

local folders, held, turn = {}, 0, 0
local api = {}

function api.link_text(path)
  local count = tonumber(C.readlink(path, text, ROOM))
  if count <= 0 or count >= ROOM then return nil end
  return ffi.string(text, count)
end
local link_text = api.link_text

local function drop(path, folder)
  C.close(folder.fd)
  folders[path] = nil
  held = held - 1
end

-- Give directories back: all, or those unused since the last call and in this turn.
function api.forget(all)
  for path, folder in pairs(folders) do
    if all or not folder.used and folder.seen ~= turn then drop(path, folder) end
    folder.used = false
  end
end

-- Every second one goes, but for those of this turn: those in use are learned again sooner than all would be.
local function thin()
  local keeps = false
  for path, folder in pairs(folders) do
    keeps = not keeps
    if not keeps and folder.seen ~= turn then drop(path, folder) end
  end
end

-- A directory, `fd` being ours from now on. What had that path before is another one.
local function keep(path, fd)
  if folders[path] then drop(path, folders[path]) end
  if held >= HELD then
    api.forget(false)
    if held >= HELD then thin() end
  end
  local folder = {
    path = path, fd = fd, self = "/proc/self/fd/" .. fd, kinds = {}, drops = {}, but = {}, used = true,
    seen = -1 }
  folders[path] = folder
  held = held + 1
  return folder
end

-- Whether its path still leads there, and whoever is like us may go that way: what is held open is reached in any case.
local function lies_there(folder)
  if folder.seen ~= turn or setting.look then
    if link_text(folder.self) ~= folder.path or C.access(folder.path, 0) ~= 0 then return false end
    folder.seen, folder.used = turn, true
  end
  return true
end

-- One of the 256 folders of a store of git's objects, where the store is known: what holds in it holds in each.
local function shelf(path)
  local head, name = path:match("^(.+/objects)/(%x%x)$")
  local store = head and is_hex(name) and folders[head]
  if not store or not store.objects or not lies_there(store) then return nil end
  local fd = C.openat(store.fd, name, PATH, 0)
  if fd < 0 then return nil end
  local child = keep(path, fd)
  child.any, child.objects, child.removes = store.any, store.objects, store.removes
  return child
end

-- A folder below one where every name was allowed and that holds nobody's work: whatever lies in such a one is allowed
-- too. Names that begin with a dot are judged.
local function below(path)
  local head, name = path:match("^(.+)/([^/]+)$")
  local above = head and (folders[head] or below(head))
  if not above or not above.any or not above.deep or not is_plain(name) or not lies_there(above) then return nil end
  local fd = C.openat(above.fd, name, PATH, 0)
  if fd < 0 then return nil end
  local child = keep(path, fd)
  child.any, child.removes, child.deep = above.any, above.removes, true
  return child
end

-- The directory that lies at this path now, nil when nothing is known of it.
function api.at(path)
  local folder = folders[path] or shelf(path) or below(path)
  return folder and lies_there(folder) and folder or nil
end

-- Whether every name that may be made there may be removed too, by what was judged there or above: below a folder that
-- holds nobody's work a path means what it means beside it.
function api.may_remove(folder)
  if folder.removes then return true end
  if not folder.deep or folder.any ~= 0 then return false end
  local head, name = folder.path:match("^(.+)/([^/]+)$")
  local above = head and folders[head]
  if not above or not above.deep or above.any ~= 0 or above.but[name] or not is_plain(name) then return false end
  if not lies_there(above) or not api.may_remove(above) then return false end
  folder.removes = true
  return true
end

-- Whether nothing leads to this path, that of a folder: the first name on the way that is not known is one that nothing
-- bears, below a folder where every name may be.
function api.is_cut_off(path)
  local head, name = path:match("^(.+)/([^/]+)$")
  while head do
    local folder = folders[head]
    if folder then
      local open = folder.any and folder.deep and not folder.but[name] and is_plain(name) and lies_there(folder)
      return open and tonumber(C.readlinkat(folder.fd, name, text, ROOM)) < 0 and ffi.errno() == ENOENT
    end
    head, name = head:match("^(.+)/([^/]+)$")
  end
  return false
end

-- From now on anything may have been moved.
function api.next_turn() turn = turn + 1 end

-- Whether any name was allowed there and this is one: in git's store of objects, only names of objects are any.
function api.is_any(folder, name)
  if not folder.any or not is_plain(name) then return false end
  return not folder.objects or #name == 38 and is_hex(name) or name:sub(1, 8) == "tmp_obj_"
end

-- Where a new name is to be noted for undo, 0 for nowhere; nil when nobody judged such a name there.
function api.note_for(folder, name)
  if api.is_any(folder, name) then return folder.any end
  return folder.kinds[kind_of(name) or name .. FOLDER]
end

-- The same for a new folder.
function api.note_for_folder(folder, name)
  if folder.objects then
    return folder.path:sub(-8) == "/objects" and #name == 2 and is_hex(name) and folder.any or nil
  elseif api.is_any(folder, name) then
    return folder.any
  end
  return kind_of_folder(name) and folder.kinds[FOLDER]
end

-- A folder was made in this one: what may be made beside it may be made in it.
function api.made(folder, name)
  local fd = C.openat(folder.fd, name, PATH, 0)
  if fd < 0 then return end
  local child = keep(folder.path .. "/" .. name, fd)
  child.any, child.objects, child.removes, child.deep = folder.any, folder.objects, folder.removes, folder.deep
  for kind, note in pairs(folder.kinds) do
    if kind == FOLDER or kind:sub(-1) ~= FOLDER then child.kinds[kind] = note end
  end
end

-- A directory named by `fd`, which is `path` now. any: where every name was allowed, what notes go to (0: none); else
-- `kind` of name was, or the one name that begins it before a slash, with `tape`. objects: of git's, where any name
-- means any name of an object. deep: it holds no work of anybody's further down either. but: names that are judged each
-- time, with a slash between them.
function api.learn(path, fd, any, kind, tape, objects, deep, but)
  local folder = folders[path]
  if not folder then
    local own = C.fcntl(fd, DUPFD_CLOEXEC, 3)
    if own < 0 then return end
    folder = keep(path, own)
  end
  for name in (but or ""):gmatch("[^/]+") do folder.but[name] = true end
  if any >= 0 then
    folder.any, folder.objects, folder.deep = any, objects, deep and not objects
    local head = objects and path:match("^(.+/objects)/%x%x$")
    local store = head and not folders[head] and C.openat(folder.fd, "..", PATH, 0) or -1
    if store >= 0 then
      local above = keep(head, store)
      above.any, above.objects = any, true
    end
    return
  end
  folder.kinds[kind] = tape
  -- in a folder whose name tells nothing a name means what it means beside that folder, so in the next such folder too;
  -- in git's own directory it does not
  local head, name = path:match("^(.+)/([^/]+)$")
  local above = head and folders[head]
  local tells_nothing = above and kind_of_folder(name) and not path:find("/.git/", 1, true)
  if tells_nothing and kind:sub(-1) ~= FOLDER and above.kinds[kind] == nil then
    above.kinds[kind] = tape
  end
end

-- What is made again anyway: a name of this kind may be removed there, and undo keeps none.
function api.drops(path, kind)
  local folder = folders[path]
  if folder then folder.drops[kind] = true end
end

-- Where every name is allowed to be made, every one may be removed too, and undo keeps none.
function api.removes(path)
  local folder = folders[path]
  if folder and folder.any == 0 and not folder.objects then folder.removes = true end
end

return api
