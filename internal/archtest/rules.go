package archtest

// Rule is one thing that holds for the whole tree.
type Rule struct {
	Name  string // as a sentence
	Check func(*Tree) []Violation
}

// Rules lists them all.
func Rules() []Rule {
	return []Rule{
		{"packages import only what the table allows", Imports},
		{"a folder is a word a user would say", FolderNames},
		{"packages are at most two levels under internal", Depth},
		{"every package has one comment", PackageComments},
		{"importing a package does nothing", NoInit},
		{"packages keep no state of their own", NoSharedState},
		{"files are formatted", Gofmt},
		{"files are short", FileLength},
		{"nothing names a path of one machine", NoMachinePaths},
	}
}

// PublicRules lists those for a module that other people's programs import.
func PublicRules() []Rule {
	return []Rule{
		{"nothing but the standard library is imported", StandardLibraryOnly},
		{"a folder is a word a user would say", FolderNames},
		{"every package has one comment", PackageComments},
		{"importing a package does nothing", NoInit},
		{"packages keep no state of their own", NoSharedState},
		{"files are formatted", Gofmt},
		{"files are short", FileLength},
		{"nothing names a path of one machine", NoMachinePaths},
	}
}
