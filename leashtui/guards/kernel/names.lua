-- What names tell: the kind of an ordinary name, by which one is like another to every judge of names.
--
-- Knows the words it is given. Refuses to know where a name lies. Invariant: a name in which anything may mean something
-- to anybody has no kind.

local setting = ...

local FOLDER = "/"
local ends, tells, plain, means, leads = {}, {}, {}, {}, {}
for word in setting.ends:gmatch("%S+") do ends[word] = true end
for word in setting.tells:gmatch("%S+") do tells[#tells + 1] = word end
for word in setting.means:gmatch("%S+") do means[word] = true end
for word in setting.leads:gmatch("%S+") do leads[#leads + 1] = word end
for byte = 0, 255 do plain[byte] = string.char(byte):find("[%w_+@%%=,~-]") ~= nil end

-- The kind of an ordinary name: its end, where nothing else in it means anything to anybody; nil for all other names.
local function kind_of(name)
  local dot = 0
  for i = 1, #name do
    local byte = name:byte(i)
    if byte == 46 then
      if dot > 0 then return nil end
      dot = i
    elseif not plain[byte] then
      return nil
    end
  end
  if dot < 2 then return nil end
  local kind = name:sub(dot + 1)
  if not ends[kind] then return nil end
  local stem = name:sub(1, dot - 1):lower()
  for i = 1, #tells do
    if stem:find(tells[i], 1, true) then return nil end
  end
  return kind
end

-- The kind of an ordinary folder's name, FOLDER: below such a one a path means what it means beside it.
local function kind_of_folder(name)
  if #name == 0 or #name > 64 then return nil end
  for i = 1, #name do
    local byte = name:byte(i)
    if byte == 46 or not plain[byte] then return nil end
  end
  local lower = name:lower()
  if means[lower] then return nil end
  for i = 1, #leads do
    if lower:find(leads[i], 1, true) then return nil end
  end
  return FOLDER
end

local function is_plain(name)
  if #name == 0 or #name > 255 or name:byte(1) == 46 then return false end
  for i = 1, #name do
    local byte = name:byte(i)
    if byte ~= 46 and not plain[byte] then return false end
  end
  return true
end

-- Whether every byte of it is a hexadecimal digit, as git writes them.
local function is_hex(name)
  for i = 1, #name do
    local byte = name:byte(i)
    if byte < 48 or byte > 57 and byte < 97 or byte > 102 then return false end
  end
  return true
end

return { FOLDER = FOLDER, kind_of = kind_of, kind_of_folder = kind_of_folder, is_plain = is_plain, is_hex = is_hex }
