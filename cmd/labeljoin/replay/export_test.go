package replay

// OwnMemory lets tests say how much memory is for events.
const OwnMemory = ownMemory
