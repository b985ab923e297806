---@meta file

---Files. Only regular files are read and written: a pipe or a device may keep its reader waiting for ever.
---@class moonkeep.file
local file = {}

---whether there is something at the path; nil and a reason when that cannot be known
---@param path string a relative one counts from the script's folder
---@return boolean? # whether
---@return string? # why not
function file.exists(path) end

---the text of a file of at most 1 MiB
---@param path string a relative one counts from the script's folder
---@return string? # the text
---@return string? # why not
function file.read(path) end

---the last lines of a file, from its last 256 KiB; without their line ends
---@param path string a relative one counts from the script's folder
---@param lines? integer 10 unless given, at most 1,000
---@return string[]? # the lines, oldest first
---@return string? # why not
function file.tail(path, lines) end

---the time since a file was written
---@param path string a relative one counts from the script's folder
---@return number? # the time (s)
---@return string? # why not
function file.age(path) end

---the size of a file
---@param path string a relative one counts from the script's folder
---@return integer? # the size (octets)
---@return string? # why not
function file.size(path) end

---replaces a file as a whole, so that no reader ever sees half of it; it keeps its owner and mode, and a new one gets mode 0644. Needs allow: [write]
---@param path string a relative one counts from the script's folder
---@param text string what to write
---@return boolean? # true
---@return string? # why not
function file.write(path, text) end

---adds to the end of a file; a new one gets mode 0644. Needs allow: [write]
---@param path string a relative one counts from the script's folder
---@param text string what to write
---@return boolean? # true
---@return string? # why not
function file.append(path, text) end

---removes a file; one that is not there is removed, too. Needs allow: [write]
---@param path string a relative one counts from the script's folder
---@return boolean? # true
---@return string? # why not
function file.remove(path) end

return file
