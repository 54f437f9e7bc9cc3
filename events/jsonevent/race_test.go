//go:build race

package jsonevent_test

// stride says which lines of the large real logs are decoded: with the race
// detector, which has nothing to find in a pure function, not each of them.
const stride = 10
