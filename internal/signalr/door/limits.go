package door

// NoLimit is the value of a limit that is left out.
const NoLimit = -1
