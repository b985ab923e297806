---@meta systemd

---A unit.
---@class systemd.Unit
---@field name string its full name
---@field active_state string active, reloading, inactive, failed, activating or deactivating
---@field sub_state string what that is for its kind, for example running
---@field load_state string loaded, not-found, masked and so on
---@field main_pid? integer of a service that runs
---@field restarts? integer how often systemd restarted a service
---@field result? string how a service ended, for example exit-code
local systemd_Unit = {}

---Units of systemd, over D-Bus.
---@class moonkeep.systemd
local systemd = {}

---the state of a unit; also of one that does not exist, whose load_state says so
---@param unit string for example nginx.service; .service may be left out
---@param options? {timeout?: number}
---@return systemd.Unit? # the state
---@return string? # why not: D-Bus is out of reach, systemd refuses, or it does not answer in time
function systemd.unit(unit, options) end

---whether a unit is active, or reloads, as systemctl is-active has it
---@param unit string for example nginx.service; .service may be left out
---@param options? {timeout?: number}
---@return boolean? # whether
---@return string? # why not: D-Bus is out of reach, systemd refuses, or it does not answer in time
function systemd.active(unit, options) end

---restarts a unit, or starts it; returns when systemd has done it. Needs allow: [exec]
---@param unit string for example nginx.service; .service may be left out
---@param options? {timeout?: number}
---@return boolean? # true
---@return string? # why not: D-Bus is out of reach, systemd refuses or does not know the unit, the job fails, or it is not done in time
function systemd.restart(unit, options) end

---starts a unit; returns when systemd has done it. Needs allow: [exec]
---@param unit string for example nginx.service; .service may be left out
---@param options? {timeout?: number}
---@return boolean? # true
---@return string? # why not: D-Bus is out of reach, systemd refuses or does not know the unit, the job fails, or it is not done in time
function systemd.start(unit, options) end

---stops a unit; returns when systemd has done it. Needs allow: [exec]
---@param unit string for example nginx.service; .service may be left out
---@param options? {timeout?: number}
---@return boolean? # true
---@return string? # why not: D-Bus is out of reach, systemd refuses or does not know the unit, the job fails, or it is not done in time
function systemd.stop(unit, options) end

---has a unit read its configuration again; returns when systemd has done it. Needs allow: [exec]
---@param unit string for example nginx.service; .service may be left out
---@param options? {timeout?: number}
---@return boolean? # true
---@return string? # why not: D-Bus is out of reach, systemd refuses or does not know the unit, the job fails, or it is not done in time
function systemd.reload(unit, options) end

return systemd
