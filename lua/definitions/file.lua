---@meta file

---The room on a file system.
---@class file.Space
---@field size integer all of it (octets)
---@field free integer what an ordinary user may still write (octets)
---@field used number what is used of what an ordinary user may use (%)
---@field inodes integer how many files it can hold; 0 when it has no such number
---@field inodes_free integer how many more
---@field inodes_used number the share that is used; 0 when there is no such number (%)
local file_Space = {}

---Files. Only regular files are read and written: a pipe or a device may keep its reader waiting for ever.
---@class moonkeep.file
local file = {}

---whether there is something at the path; nil and a reason when that cannot be known
---@param path string a relative one counts from the script's folder
---@return boolean? # whether
---@return string? # why not: a folder of the path may not be searched
function file.exists(path) end

---the text of a file of at most 1 MiB; the environment and the memory of processes, in /proc, are not for scripts
---@param path string a relative one counts from the script's folder
---@return string? # the text
---@return string? # why not: there is no such file, it may not be read, or it is no regular one, it is larger than 1 MiB, or the environment or memory of a process
function file.read(path) end

---the last lines of a file, from its last 256 KiB; without their line ends
---@param path string a relative one counts from the script's folder
---@param lines? integer 10 unless given, at most 1,000
---@return string[]? # the lines, oldest first
---@return string? # why not: there is no such file, it may not be read, or it is no regular one
function file.tail(path, lines) end

---the time since a file was written
---@param path string a relative one counts from the script's folder
---@return number? # the time (s)
---@return string? # why not: there is no such file, or the folder may not be searched
function file.age(path) end

---the size of a file
---@param path string a relative one counts from the script's folder
---@return integer? # the size (octets)
---@return string? # why not: there is no such file, or the folder may not be searched
function file.size(path) end

---the room on the file system that a path is on, as df tells it
---@param path string a relative one counts from the script's folder
---@return file.Space? # the room
---@return string? # why not: there is no such path, or the file system does not tell
function file.space(path) end

---replaces a file as a whole, so that no reader ever sees half of it; it keeps its owner and mode, and a new one gets mode 0644. A symbolic link is replaced, and not followed. Needs allow: [write]
---@param path string a relative one counts from the script's folder
---@param text string what to write
---@return boolean? # true
---@return string? # why not: the folder or the file may not be written, there is no room, or it is no regular file
function file.write(path, text) end

---adds to the end of a file; a new one gets mode 0644. Needs allow: [write]
---@param path string a relative one counts from the script's folder
---@param text string what to write
---@return boolean? # true
---@return string? # why not: the folder or the file may not be written, there is no room, or it is no regular file
function file.append(path, text) end

---removes a file; one that is not there is removed, too. Needs allow: [write]
---@param path string a relative one counts from the script's folder
---@return boolean? # true
---@return string? # why not: the folder may not be written, or the path is a folder
function file.remove(path) end

return file
