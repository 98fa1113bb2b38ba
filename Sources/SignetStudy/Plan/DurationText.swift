// SPDX-License-Identifier: Apache-2.0

/// Times as text.
package enum DurationText {
  /// For a reader: `1 h 30 min`, `2 min 5 s`, `7 s`.
  package static func long(_ seconds: Double) -> String {
    let whole = whole(seconds)
    if whole >= 3600 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
    return whole >= 60 ? "\(whole / 60) min \(whole % 60) s" : "\(whole) s"
  }

  /// As an option: `1h30m`.
  package static func short(_ seconds: Double) -> String {
    let whole = whole(seconds)
    let parts = [(whole / 3600, "h"), (whole % 3600 / 60, "m"), (whole % 60, "s")].filter { $0.0 > 0 }
    return parts.isEmpty ? "0s" : parts.map { "\($0.0)\($0.1)" }.joined()
  }

  private static func whole(_ seconds: Double) -> Int {
    seconds.isFinite ? Int(min(max(seconds, 0), 1e12).rounded()) : 0
  }
}
