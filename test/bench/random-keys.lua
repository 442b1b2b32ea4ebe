-- wrk: a random one of the addresses PREFIX..key..SUFFIX for every request; keys as fill.ts makes them, evenly spread.
-- Arguments: path prefix, path suffix, first key, number of keys, step between keys, groups per context (0: none),
-- pause of a connection between its requests in ms (0: none).
local prefix, suffix, first, count, step, per_context, pause

function init(args)
  prefix, suffix = args[1], args[2]
  first, count, step, per_context, pause =
    tonumber(args[3]), tonumber(args[4]), tonumber(args[5]), tonumber(args[6]), tonumber(args[7])
  math.randomseed(os.time())
end

function delay()
  return pause
end

function request()
  local index = first + math.random(0, count - 1) * step
  local path = prefix .. string.rep("0", 57) .. string.format("%07d", index) .. suffix
  if per_context > 0 then
    path = path .. "?context=tenant-" .. math.floor(index / per_context)
  end
  return wrk.format("GET", path)
end
