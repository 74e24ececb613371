// Package copiermap maps results of a cache into types of yours with
// github.com/jinzhu/copier: field by field, by name, with copier's struct tags,
// converters and field-name mappings. A cache holds what the database returned,
// and each page gets the view that it needs:
//
//	view, err := copiermap.Get[UserView](ctx, users, 42, copier.Option{})
//
// [Into] maps any other value, such as one of Batch.GetMany. What copier maps is
// the caller's own copy: the cached value is never touched.
//
// copier converts numbers as Go does, so 300 becomes 44 in an int8, and 65 the
// text "A". Here both are errors; see [LossError].
//
// [Engine] makes copier the copy engine of a cache, for types whose copies depend
// on copier's converters. It is 10 to 100 times slower than the plan that a cache
// compiles by default.
//
// Only this package links copier.
package copiermap
