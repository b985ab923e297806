local re2 = require "re2"
return function(ctx)
  local name, port = re2.match([[(\w+)\.example\.org:(\d+)]], "GET www.example.org:443")
  if name ~= "www" or port ~= "443" then return false, "match" end
  local from, to = re2.find([[\d+]], "load 12 %")
  if from ~= 6 or to ~= 7 or #re2.find_all([[\d+]], "1 2 3") ~= 3 then return false, "find" end
  return re2.replace([[(\w+)=(\w+)]], "a=b", "$2=$1") == "b=a"
end
