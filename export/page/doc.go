// Package page makes the page about the rows of a day: what is in them, how the
// labels are, what is not as it should be. It is one HTML file with everything
// in it: it runs no script and asks no server for anything.
package page
