// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The marks of an axis: where they are, and what stands beside them.
package struct Ticks: Hashable, Sendable {
  /// A mark; one without a label is short and has no line across the plot.
  package struct Tick: Hashable, Sendable {
    package let value: Double
    package let label: String?
  }

  /// What the axis spans.
  package let range: ClosedRange<Double>
  package let ticks: [Tick]

  /// Multiples of 1, 2 or 5 times a power of ten, about `wanted` of them; the range grows to whole steps.
  package static func linear(_ range: ClosedRange<Double>, wanted: Int = 5) -> Ticks {
    var (low, high) = (range.lowerBound, range.upperBound)
    if high - low <= max(abs(low), abs(high)) * 1e-12 {
      // A single value stands in the middle of something.
      let room = low == 0 ? 1 : abs(low) * 0.1
      (low, high) = (low - room, high + room)
    }
    let rough = (high - low) / Double(max(1, wanted))
    let exponent = Int(floor(log10(rough)))
    let power = pow(10, Double(exponent))
    let multiple = [1.0, 2, 5, 10].first { $0 * power >= rough * (1 - 1e-9) } ?? 10
    let step = multiple * power
    // A value that is a whole step up to rounding needs no further one.
    let first = Int(floor(low / step + 1e-9))
    let last = Int(ceil(high / step - 1e-9))
    let decimals = max(0, multiple == 10 ? -exponent - 1 : -exponent)
    func value(_ index: Int) -> Double {
      // A division by a whole power is exact where a product with 0.001 is not.
      exponent < 0 ? Double(index) * multiple / pow(10, Double(-exponent)) : Double(index) * step
    }
    let ticks = (first...max(first, last)).map { index in
      Tick(value: value(index), label: Figure.grouped(Figure.fixed(value(index), decimals)))
    }
    return Ticks(range: value(first)...value(max(first, last)), ticks: ticks)
  }

  /// The marks within limits, and no range beyond them; as they are if nothing of them lies within.
  package func clamped(to limits: ClosedRange<Double>) -> Ticks {
    guard range.overlaps(limits) else { return self }
    let clamped = range.clamped(to: limits)
    guard clamped.lowerBound < clamped.upperBound else { return self }
    return Ticks(range: clamped, ticks: ticks.filter { clamped.contains($0.value) })
  }

  /// Powers of ten, with short marks at their multiples; over less than two decades, 2 and 5 are labelled as well.
  ///
  /// The range must be positive; it grows to whole decades, or to a labelled mark where there are few.
  package static func logarithmic(_ range: ClosedRange<Double>) -> Ticks {
    let (low, high) = (range.lowerBound, range.upperBound)
    let isShort = high / low < 100
    func label(_ multiple: Int, _ exponent: Int) -> String? {
      multiple == 1 || (isShort && (multiple == 2 || multiple == 5)) ? text(multiple, exponent) : nil
    }
    var all: [Tick] = []
    for exponent in Int(floor(log10(low)) - 1)...Int(ceil(log10(high)) + 1) {
      for multiple in 1...9 {
        let value =
          exponent < 0
          ? Double(multiple) / pow(10, Double(-exponent)) : Double(multiple) * pow(10, Double(exponent))
        all.append(Tick(value: value, label: label(multiple, exponent)))
      }
    }
    let labelled = all.filter { $0.label != nil }.map(\.value)
    let least = labelled.last { $0 <= low * (1 + 1e-9) } ?? low
    let most = labelled.first { $0 >= high * (1 - 1e-9) && $0 > least } ?? high
    return Ticks(range: least...most, ticks: all.filter { $0.value >= least && $0.value <= most })
  }

  /// One mark for each name, at 0, 1, 2, …, with half a step at both ends.
  package static func categories(_ names: [String]) -> Ticks {
    Ticks(
      range: -0.5...Double(max(1, names.count)) - 0.5,
      ticks: names.enumerated().map { Tick(value: Double($0), label: $1) })
  }

  private static func text(_ multiple: Int, _ exponent: Int) -> String {
    guard (-6...6).contains(exponent) else { return "\(multiple)e\(exponent)" }
    if exponent >= 0 {
      return Figure.grouped("\(multiple)" + String(repeating: "0", count: exponent))
    }
    return "0." + String(repeating: "0", count: -exponent - 1) + "\(multiple)"
  }
}
