// SPDX-License-Identifier: Apache-2.0

package import Signet

extension Sequential {
  /// The compact model of this network, as the bytes of its file.
  package func compactModel(
    name: String, method: String, preprocessing: Preprocessing, classNames: [String]
  ) throws -> [UInt8] {
    var compiler = ModelCompiler(
      builder: CompactModelBuilder(
        network: name, method: method, preprocessing: preprocessing, classNames: classNames),
      inputChannels: input.channels)
    for layer in layers { try layer.compile(into: &compiler) }
    return try compiler.finish().encoded()
  }
}
