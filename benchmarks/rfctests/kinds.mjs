const { default: suites } = await import(process.cwd() + '/tests/index.mjs')
// The tests of Surrogate-Control, which is in no RFC, are not among these.
const kinds = {}
for (const suite of suites) {
  for (const test of suite.tests) {
    if (!test.browser_only) kinds[test.id] = test.kind || 'required'
  }
}
console.log(JSON.stringify(kinds))
