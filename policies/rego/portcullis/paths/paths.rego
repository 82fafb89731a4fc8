# METADATA
# title: Paths
# description: |
#   What a policy's path pattern can reach: `*` at its end stands for anything, `+` for one segment (OpenBao documentation,
#   "Policies"). A folder is a list of segments; one that ends in `*` stands for every segment that begins so.
package portcullis.paths

# Whether the pattern matches some path at or below the folder.
reaches(pattern, folder) if {
	segments := split(trim_left(pattern, "/"), "/")
	every index, wanted in folder { meets(segments, index, wanted) }
}

# Whether every path that it matches is at or below the folder.
only(pattern, folder) if {
	segments := split(trim_left(pattern, "/"), "/")
	every index, wanted in folder { named(segments[index], wanted) }
}

# Whether the pattern matches this one path.
covers(pattern, path) if {
	globbed := endswith(pattern, "*")
	segments := split(trim_suffix(trim_left(pattern, "/"), "*"), "/")
	wanted := split(path, "/")
	long_enough(globbed, count(segments), count(wanted))
	every index, segment in segments { covered(segment, wanted[index], globbed, index - (count(segments) - 1)) }
}

long_enough(true, pattern, path) if pattern <= path

long_enough(false, count_of, count_of)

covered(segment, wanted, _, _) if segment in {"+", wanted}

covered(segment, wanted, true, 0) if startswith(wanted, segment)

meets(segments, index, _) if segments[index] == "+"

meets(segments, index, wanted) if named(segments[index], wanted)

meets(segments, index, wanted) if {
	endswith(segments[index], "*")
	left_open(segments[index], wanted)
}

meets(segments, index, _) if {
	endswith(segments[count(segments) - 1], "*")
	index >= count(segments)
}

# What stands before the pattern's `*` must fit; beyond that segment anything does.
left_open(segment, wanted) if startswith(trim_suffix(wanted, "*"), trim_suffix(segment, "*"))

left_open(segment, wanted) if {
	endswith(wanted, "*")
	startswith(trim_suffix(segment, "*"), trim_suffix(wanted, "*"))
}

named(segment, wanted) if glob.match(wanted, null, segment)
