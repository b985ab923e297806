local json = require "json"
return function(ctx)
  local value, why = json.decode('{"name": "moon", "list": [1, 2, null], "up": true}')
  if not value then return false, why end
  if value.name ~= "moon" or value.list[3] ~= json.null or not value.up then return false, "decode" end
  return json.encode(value) == '{"list":[1,2,null],"name":"moon","up":true}', json.encode(value)
end
