// SPDX-License-Identifier: Apache-2.0

/// SVG as text, element by element.
package struct SVGText {
  private(set) var text = ""

  /// Adds an element; content is escaped, attributes are written in their order.
  package mutating func add(_ name: String, _ attributes: [(String, String)], content: String? = nil) {
    text += "<\(name)" + Self.written(attributes)
    text += content.map { ">\(Self.escaped($0))</\(name)>\n" } ?? "/>\n"
  }

  package mutating func open(_ name: String, _ attributes: [(String, String)]) {
    text += "<\(name)" + Self.written(attributes) + ">\n"
  }

  package mutating func close(_ name: String) { text += "</\(name)>\n" }

  private static func written(_ attributes: [(String, String)]) -> String {
    attributes.map { " \($0)=\"\(escaped($1))\"" }.joined()
  }

  /// What may stand in an attribute or between tags; characters that XML has no place for become �.
  package static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\t", "\n": result += " "
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
        result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A length with at most two decimals.
  package static func number(_ value: Double) -> String {
    let text = Figure.fixed(value, 2).replacing("−", with: "-")
    var digits = Substring(text)
    while digits.last == "0" { digits.removeLast() }
    if digits.last == "." { digits.removeLast() }
    return String(digits)
  }
}
