// SPDX-License-Identifier: Apache-2.0

/// Which images of each batch are one process's, where several share them out.
///
/// Pieces `lower..<upper` of `pieces`, into which a batch of n images is cut: images `n·lower/pieces..<n·upper/pieces`.
package struct BatchPart: Hashable, Sendable {
  package let own: Range<Int>
  package let pieces: Int

  package static let whole = BatchPart(own: 0..<1, pieces: 1)

  package init(own: Range<Int>, pieces: Int) {
    precondition(
      pieces > 0 && own.lowerBound >= 0 && own.upperBound <= pieces, "pieces \(own) of \(pieces)")
    self.own = own
    self.pieces = pieces
  }

  /// The images among those of a batch.
  package func range(in count: Int) -> Range<Int> {
    count * own.lowerBound / pieces..<count * own.upperBound / pieces
  }

  /// The most images of a batch of at most `count`.
  func capacity(in count: Int) -> Int { min(count, count * own.count / pieces + 1) }
}
