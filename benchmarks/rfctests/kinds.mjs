const { default: suites } = await import(process.cwd() + '/tests/index.mjs')
const { default: surrogate } = await import(process.cwd() + '/tests/surrogate-control.mjs')
const kinds = {}
for (const suite of [...suites, surrogate]) {
  for (const test of suite.tests) {
    if (!test.browser_only) kinds[test.id] = test.kind || 'required'
  }
}
console.log(JSON.stringify(kinds))
