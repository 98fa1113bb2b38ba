// SPDX-License-Identifier: Apache-2.0

extension Float {
  /// The shortest decimal that reads back to the number, with an exponent: 0.003 as `3e-3`.
  package var scientific: String {
    guard isFinite, self != 0 else { return description }
    let parts = magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let (whole, fraction) = (String(mantissa[0]), mantissa.count > 1 ? String(mantissa[1]) : "")
    let digits = whole + fraction
    let zeros = digits.prefix { $0 == "0" }.count
    var significant = String(digits.dropFirst(zeros))
    while significant.count > 1, significant.last == "0" { significant.removeLast() }
    let exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.count - 1 - zeros
    let rest = significant.dropFirst()
    return (self < 0 ? "-" : "") + significant.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e\(exponent)"
  }
}
