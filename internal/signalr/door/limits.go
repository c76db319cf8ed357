package door

// NoLimit leaves out the limit of a [Config] whose value it is.
const NoLimit = -1
