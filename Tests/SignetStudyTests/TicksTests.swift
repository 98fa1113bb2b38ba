// SPDX-License-Identifier: Apache-2.0

import SignetStudy
import Testing

/// Oracle: the marks that a person would draw.
struct TicksTests {
  private func labels(_ ticks: Ticks) -> [String] { ticks.ticks.compactMap(\.label) }

  @Test(
    arguments: [
      (0.0, 100.0, ["0", "20", "40", "60", "80", "100"]), (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
      (83.2, 91.4, ["82", "84", "86", "88", "90", "92"]), (-3, 3, ["−4", "−2", "0", "2", "4"]),
      (0, 23_450, ["0", "5,000", "10,000", "15,000", "20,000", "25,000"]),
      (0.0012, 0.0019, ["0.0012", "0.0014", "0.0016", "0.0018", "0.0020"]),
      (0, 10, ["0", "2", "4", "6", "8", "10"]), (0, 7, ["0", "2", "4", "6", "8"]),
      (50, 50, ["44", "46", "48", "50", "52", "54", "56"]), (0, 0, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]),
    ] as [(Double, Double, [String])])
  func linear(low: Double, high: Double, expected: [String]) {
    let ticks = Ticks.linear(low...high)
    #expect(labels(ticks) == expected)
    #expect(ticks.range.lowerBound <= low && ticks.range.upperBound >= high)
    #expect(
      ticks.ticks.first?.value == ticks.range.lowerBound && ticks.ticks.last?.value == ticks.range.upperBound)
  }

  @Test func anyRangeHasAHandful() {
    var low = -17.3
    while low < 1e6 {
      for span in [1e-6, 3e-3, 0.7, 1, 9.99, 12, 4567, 8.1e7] {
        let ticks = Ticks.linear(low...low + span)
        #expect((3...8).contains(ticks.ticks.count), "\(low) \(span)")
        #expect(Set(labels(ticks)).count == ticks.ticks.count, "\(low) \(span): \(labels(ticks))")
        #expect(ticks.range.lowerBound <= low && ticks.range.upperBound >= low + span)
      }
      low = low * 1.7 + 20
    }
  }

  @Test func decades() {
    let ticks = Ticks.logarithmic(0.0003...45)
    #expect(labels(ticks) == ["0.0001", "0.001", "0.01", "0.1", "1", "10", "100"])
    #expect(ticks.range == 0.0001...100)
    #expect(ticks.ticks.count == 6 * 9 + 1, "with the short marks between")
    #expect(ticks.ticks.contains { $0.value == 0.0007 && $0.label == nil })
    #expect(labels(.logarithmic(1...1000)) == ["1", "10", "100", "1,000"], "exact powers stay")
  }

  @Test func fewDecadesHaveMarksBetween() {
    #expect(labels(.logarithmic(3...30)) == ["2", "5", "10", "20", "50"])
    #expect(labels(.logarithmic(0.021...0.049)) == ["0.02", "0.05"])
    #expect(labels(.logarithmic(7...7)) == ["5", "10"])
    #expect(labels(.logarithmic(5...5)) == ["5", "10"])
  }

  @Test func limits() {
    #expect(labels(Ticks.linear(95...99.9).clamped(to: 0...100)) == ["95", "96", "97", "98", "99", "100"])
    let clamped = Ticks.linear(100...100).clamped(to: 0...100)
    #expect(clamped.range == 90...100 && labels(clamped) == ["90", "95", "100"])
    #expect(Ticks.linear(200...300).clamped(to: 0...100).range == 200...300, "limits elsewhere mean nothing")
  }

  @Test func names() {
    let ticks = Ticks.categories(["a", "b", "c"])
    #expect(labels(ticks) == ["a", "b", "c"] && ticks.ticks.map(\.value) == [0, 1, 2])
    #expect(ticks.range == -0.5...2.5)
  }
}
