// SPDX-License-Identifier: Apache-2.0

import SignetStudy
import Testing

/// Oracle: the definitions, worked out by hand.
struct StatisticsTests {
  @Test func meanAndDeviation() throws {
    // Σ = 40, Σ (x − 5)² = 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32, divided by 7.
    let sample = Sample([2, 4, 4, 4, 5, 5, 7, 9])
    #expect(sample.mean == 5)
    #expect(try abs(#require(sample.deviation) - (32.0 / 7).squareRoot()) < 1e-15)
    #expect(sample.median == 4.5)
    #expect(Sample([3, 1, 2]).median == 2)
    #expect(Sample([1, 3]).deviation == 2.0.squareRoot())
  }

  @Test func fewValuesHaveNoDeviation() {
    #expect(Sample([]).mean == nil && Sample([]).deviation == nil && Sample([]).median == nil)
    #expect(Sample([7]).mean == 7 && Sample([7]).deviation == nil)
  }

  /// Deviations √2 and 0: that of the difference is √2.
  @Test func aDifferenceWithinTheDeviationIsUndecided() {
    func verdict(_ a: [Double], _ b: [Double]) -> Finding.Verdict { Comparison(Sample(a), Sample(b)).verdict }
    #expect(verdict([4, 6], [3, 3]) == .holds)
    #expect(verdict([3, 3], [4, 6]) == .doesNotHold)
    #expect(verdict([4, 6], [4, 4]) == .undecided)
    #expect(verdict([5, 5], [5, 5]) == .undecided)
    #expect(verdict([5], [1, 1]) == .undecided, "one seed")
    #expect(verdict([], [1, 1]) == .undecided)
    #expect(Comparison(Sample([4, 6]), Sample([4, 4])).deviation == 2.0.squareRoot())
    #expect(Comparison(Sample([4, 6]), Sample([4, 4])).difference == 1)
  }

  @Test(
    arguments: [
      (0.125, 2, "0.13"), (-0.125, 2, "−0.13"), (-0.001, 2, "0.00"), (12.0, 0, "12"), (999.995, 1, "1000.0"),
      (0.05, 3, "0.050"), (.infinity, 2, "∞"), (.nan, 1, "–"),
    ] as [(Double, Int, String)])
  func fixedText(value: Double, decimals: Int, text: String) {
    #expect(Figure.fixed(value, decimals) == text)
  }

  @Test func texts() {
    #expect(Figure.bytes(1_234_567) == "1,234,567" && Figure.bytes(999) == "999")
    #expect(Figure.grouped("-1234.5678") == "-1,234.5678")
    #expect(Figure.percent(Sample([0.5, 0.51])) == "50.50 ± 0.71 %")
    #expect(Figure.percent(Sample([0.5])) == "50.00 %" && Figure.percent(Sample([])) == "–")
    #expect(Figure.factor(23.4) == "23×" && Figure.factor(1.44) == "1.4×" && Figure.factor(.infinity) == "∞×")
    #expect(DurationText.long(5400) == "1 h 30 min" && DurationText.long(125) == "2 min 5 s")
    #expect(DurationText.short(5400) == "1h30m" && DurationText.short(0) == "0s")
  }
}
