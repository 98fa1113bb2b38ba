// SPDX-License-Identifier: Apache-2.0

import Testing

/// Expects two arrays to be equal and names the first place where they are not.
///
/// `#expect(a == b)` lists all differences of arrays, which takes minutes for thousands of different elements.
func expectEqual<Element: Equatable>(
  _ found: [Element], _ expected: [Element], _ comment: @autoclosure () -> String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard found != expected else { return }
  let place = zip(found, expected).enumerated().first { $1.0 != $1.1 }
  let difference =
    place.map { "\($1.0) instead of \($1.1) at \($0) of \(expected.count)" }
    ?? "\(found.count) elements instead of \(expected.count)"
  Issue.record("\(comment()): \(difference)", sourceLocation: sourceLocation)
}

/// Expects two arrays of reals to have the same bits.
func expectSameBits(
  _ found: [Float], _ expected: [Float], _ comment: @autoclosure () -> String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectEqual(
    found.map(\.bitPattern), expected.map(\.bitPattern), comment(), sourceLocation: sourceLocation)
}
