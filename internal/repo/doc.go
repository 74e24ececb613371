// Package repo holds the tests of the repository as a whole: its modules, who
// imports what, the code in its documents, and what must not stand in a file.
// It has no code of its own.
//
// # Code in documents
//
// Every block that is fenced as go in a Markdown file is compiled.
//
// A block that begins with a package clause is a whole file, and must be right
// in every respect, unused imports and variables included.
//
// Any other block is a fragment: declarations, or the inside of a function. It
// may begin with imports; those it leaves out are found by package name, among
// this repository's packages, echo, and the standard library where the name is
// not ambiguous; template is html/template. Variables may stay unused. A value is
// returned only inside a function that the fragment shows. What else it needs and
// does not show is declared in a comment right above it, which readers of the
// rendered page do not see:
//
//	<!-- given:
//	type User struct{ ID int }
//	var ctx context.Context
//	-->
//
// Code that is not meant to compile is not fenced as go.
//
// # Commands in documents
//
// A command in a block that is fenced for a shell, or in code within a line, must name
// targets of make, programs, flags, packages, tests and addresses that exist. The commands
// of a document are also run, in their order: the servers that it starts, on free ports,
// what it asks them with curl, and what else is cheap. A command fails if it does not do
// what the document says:
//
//   - in a block that is fenced as console, the lines below a command that begins with "$ "
//     are what it prints. Of a response's headers they may be a choice; "..." is any text;
//   - a comment after curl that names a status, such as "# a 400", is the status;
//   - curl's other answers are neither a 404 nor a failure.
//
// What takes too long is listed in notRun, with the reason. The document beside an example
// names all flags of its program, and no other.
//
// # What documents show of the source
//
// A go block below the first of these marks is the inside of an example function
// of a package; between the other two stand the comment of a type and a table of
// its fields:
//
//	<!-- example: cachedata ExampleNew -->
//
//	<!-- options: cachedata Config -->
//	<!-- /options -->
//
// A test compares them with the source; go test ./internal/repo -run
// TestDocumentsShowTheSource -update writes them. The page of a package in
// docs/packages has every type whose name says that its fields are options.
package repo
