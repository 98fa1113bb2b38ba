// SPDX-License-Identifier: Apache-2.0

/// An error of the engine's use: an input, an instruction set or a thread count that can't be.
public struct EngineError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of error it is.
  public struct Code: RawRepresentable, Hashable, Sendable {
    /// A stable name.
    public let rawValue: String
    /// Creates a code from its name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// The instruction set isn't known or can't run here.
    public static let unsupportedISA = Code(rawValue: "unsupported_isa")
    /// The input has another size than the model's.
    public static let badInput = Code(rawValue: "bad_input")
    /// A thread count below 1.
    public static let badThreads = Code(rawValue: "bad_threads")
  }

  /// What kind of error it is.
  public let code: Code
  /// What happened, and what to do.
  public let description: String

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
