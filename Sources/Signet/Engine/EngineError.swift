// SPDX-License-Identifier: Apache-2.0

/// An error of the engine's use: an input, an instruction set or a thread count that can't be; new codes may be added.
public struct EngineError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of error it is.
  public struct Code: RawRepresentable, Hashable, Sendable {
    /// A stable name.
    public let rawValue: String
    /// Creates a code from its name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// The instruction set isn't known or can't run here.
    public static let unsupportedISA = Code(rawValue: "unsupported_isa")
    /// The input, or a number that says what to do with it, can't be: a size that is not the model's, a batch of 0.
    public static let badInput = Code(rawValue: "bad_input")
    /// A thread count outside 1…1024.
    public static let badThreads = Code(rawValue: "bad_threads")
    /// A value of the input, or a logit, is infinite or not a number.
    public static let notFinite = Code(rawValue: "not_finite")
  }

  /// What kind of error it is.
  public let code: Code
  /// What happened, and what to do.
  public let description: String
  /// The image of the call that it is about, counted from 0; nil if it is about no single one.
  public let image: Int?

  package init(_ code: Code, _ description: String, image: Int? = nil) {
    self.code = code
    self.description = description
    self.image = image
  }
}
