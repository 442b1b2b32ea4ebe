-- wrk: one after the other of the paths that a file lists, one a line, and from the beginning again.
-- Arguments: the file, pause of a connection between its requests in ms (0: none).
local paths, next, pause = {}, 0, 0

function init(args)
  for path in io.lines(args[1]) do
    paths[#paths + 1] = path
  end
  pause = tonumber(args[2])
end

function delay()
  return pause
end

function request()
  next = next % #paths + 1
  return wrk.format("GET", paths[next])
end
