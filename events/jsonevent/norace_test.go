//go:build !race

package jsonevent_test

// stride says which lines of the large real logs are decoded: each of them.
const stride = 1
