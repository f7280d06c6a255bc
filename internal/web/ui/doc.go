// Package ui is the web interface: pages rendered on the server from typed view
// models, improved by a few ES modules, readable without them.
//
// Each page is one Go file, one template (templates/) and one block of styles
// (css/) by the same name. A page reads what it shows through the interfaces in
// source.go; who may see it, sessions and security headers are the business of
// package web around it. The content security policy there forbids inline
// scripts, styles and handlers, so geometry is written into SVG attributes.
package ui
