package packed

import "unsafe"

// The two processes are the same program on the same machine: numbers go from one to the other as memory has them.

// appendNumbers appends numbers, where memory has such numbers: a part of a block that begins at a multiple of their
// size begins at one in memory too.
func appendNumbers[T uint32 | uint64](b []byte, numbers []T) []byte {
	for len(b)%int(unsafe.Sizeof(T(0))) != 0 {
		b = append(b, 0)
	}
	return append(b, bytesOf(numbers)...)
}

// bytesOf are numbers as memory has them.
func bytesOf[T uint32 | uint64](numbers []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(numbers))), len(numbers)*int(unsafe.Sizeof(T(0))))
}

// numbersOf takes numbers that appendNumbers has written from what is left of a payload, which begins where memory
// begins.
func numbersOf[T uint32 | uint64](r *bytesReader, n int) []T {
	size := int(unsafe.Sizeof(T(0)))
	r.bytes((size - r.at%size) % size)
	b := r.bytes(n * size)
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
