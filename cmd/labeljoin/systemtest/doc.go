// Package systemtest holds the tests of the whole program: the built binary beside a broker, killed, stopped and
// restored (TestBinary), and a joiner with its state and its output over simulated disks and logs that go wrong
// (TestCrashes, TestSimulation). It has no code of its own.
package systemtest
