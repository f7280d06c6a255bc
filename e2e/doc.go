// Package e2e tells the product's stories from outside: each file in testdata
// is one story, told to the real command line.
package e2e
