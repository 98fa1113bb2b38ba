// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Numbers as text.
package enum Figure {
  /// With a fixed number of decimals, rounded half away from zero.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return value.isNaN ? "–" : value < 0 ? "−∞" : "∞" }
    let scale = pow(10, Double(decimals))
    let scaled = (abs(value) * scale).rounded(.toNearestOrAwayFromZero)
    let digits = String(UInt64(min(scaled, 1e18)))
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    let sign = value < 0 && scaled > 0 ? "−" : ""
    return sign + padded.dropLast(decimals) + (decimals > 0 ? "." + padded.suffix(decimals) : "")
  }

  package static func signed(_ value: Double, _ decimals: Int) -> String {
    let text = fixed(value, decimals)
    return value > 0 ? "+" + text : text
  }

  /// A fraction's sample in percent, with its deviation if there is one: `91.06 ± 0.12 %`.
  package static func percent(_ sample: Sample, decimals: Int = 2) -> String {
    spread(Sample(sample.values.map { $0 * 100 }), decimals: decimals).map { $0 + " %" } ?? "–"
  }

  /// `mean ± deviation`; nil without values.
  package static func spread(_ sample: Sample, decimals: Int) -> String? {
    guard let mean = sample.mean else { return nil }
    return fixed(mean, decimals) + (sample.deviation.map { " ± " + fixed($0, decimals) } ?? "")
  }

  /// `23×`, or `1.4×` where decimals matter.
  package static func factor(_ ratio: Double) -> String { fixed(ratio, ratio < 10 ? 1 : 0) + "×" }

  /// Whole bytes with commas: `40,196`.
  package static func bytes(_ count: Double) -> String { grouped(fixed(count, 0)) }

  /// A comma between thousands of the whole part.
  package static func grouped(_ text: String) -> String {
    let whole = text.prefix { $0 != "." }
    let digits = Array(whole.drop { !$0.isNumber })
    let sign = whole.prefix { !$0.isNumber }
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { result.append(",") }
      result.append(digit)
    }
    return sign + result + text.dropFirst(whole.count)
  }

  package static func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }
}
