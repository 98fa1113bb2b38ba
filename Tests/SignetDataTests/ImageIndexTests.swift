// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData
import Testing

/// Oracle: the files that the test itself wrote, renamed and removed.
@Suite struct ImageIndexTests {
  let photographs: SamplePhotographs

  init() throws {
    photographs = try SamplePhotographs()
    try photographs.age()
  }

  private func file(cache: String? = nil) -> ImageIndexFile {
    ImageIndexFile(root: photographs.path, part: "train", cache: cache)
  }

  private func index(cache: String? = nil) throws -> ImageIndex {
    try file(cache: cache).index(classes: SamplePhotographs.classes)
  }

  private func paths(_ index: ImageIndex) -> [String] {
    (0..<index.count).map { String(index.path(at: $0).dropFirst(photographs.path.count + 1)) }
  }

  @Test func filesAreListedWithClassAndSize() throws {
    try photographs.folder.write(Array("text".utf8), to: "train/n001/notes.txt")
    let index = try index()
    #expect(
      paths(index)
        == SamplePhotographs.classes.flatMap { name in (0..<6).map { "train/\(name)/\(name)_\($0).JPEG" } })
    #expect((0..<18).map(index.label) == (0..<18).map { $0 / 6 })
    for place in 0..<18 {
      let size = try FileManager.default.attributesOfItem(atPath: index.path(at: place))[.size] as? Int64
      #expect(index.fileBytes(at: place) == size)
    }
  }

  @Test func anIndexIsUsedAgainUntilAFolderChanges() throws {
    let first = try index()
    let kept = try Data(contentsOf: URL(filePath: file().paths[0]))
    #expect(Array(kept) == first.storage)
    // Renamed behind the index's back: only whoever looks at the files would notice.
    let manager = FileManager.default
    let old = photographs.path + "/train/n002/n002_3.JPEG"
    try manager.moveItem(atPath: old, toPath: photographs.path + "/train/n002/zebra.JPEG")
    try photographs.age(2000)
    #expect(try paths(index()).contains("train/n002/zebra.JPEG"), "another time: looked through again")
    let times = try manager.attributesOfItem(atPath: photographs.path + "/train/n002")[.modificationDate]
    try manager.moveItem(atPath: photographs.path + "/train/n002/zebra.JPEG", toPath: old)
    try manager.setAttributes(
      [.modificationDate: try #require(times)], ofItemAtPath: photographs.path + "/train/n002")
    #expect(try paths(index()).contains("train/n002/zebra.JPEG"), "the same time: used again")
    try manager.removeItem(atPath: photographs.path + "/train/n003/n003_0.JPEG")
    #expect(try paths(index()).count == 17, "looked through again")
    #expect(try paths(index()).contains("train/n002/n002_3.JPEG"))
  }

  /// A folder that was changed within the last seconds may change again without another time.
  @Test func freshFoldersAreNotTrusted() throws {
    try photographs.folder.write([1], to: "train/n001/late.JPEG")
    try photographs.age(0)
    #expect(try index().count == 19)
    let manager = FileManager.default
    let late = photographs.path + "/train/n001"
    let time = try #require(try manager.attributesOfItem(atPath: late)[.modificationDate])
    try manager.removeItem(atPath: late + "/late.JPEG")
    try manager.setAttributes([.modificationDate: time], ofItemAtPath: late)
    #expect(try index().count == 18, "although no folder has another time")
  }

  @Test func damagedIndexesAreMadeAgain() throws {
    let good = try index()
    let path = file().paths[0]
    for bad in [[], Array(good.storage.prefix(79)), good.storage + [0], Array(good.storage.dropLast())] {
      #expect(ImageIndex(bad, folder: "x") == nil)
      try Data(bad).write(to: URL(filePath: path))
      #expect(try index().storage.count == good.storage.count)
      #expect(try Array(Data(contentsOf: URL(filePath: path))).count == good.storage.count, "mended")
    }
    for place in good.storage.indices {
      var bytes = good.storage
      bytes[place] ^= 1 << UInt8(place % 8)
      #expect(ImageIndex(bytes, folder: "x") == nil, "byte \(place)")
    }
    #expect(ImageIndex(good.storage, folder: "x") != nil)
  }

  @Test func whereTheDataCanNotBeWrittenTheCacheIs() throws {
    let cache = try TemporaryFolder()
    let files = file(cache: cache.path + "/deep")
    // A folder in the place of the file: nobody can write there, not even root.
    try FileManager.default.createDirectory(atPath: files.paths[0], withIntermediateDirectories: true)
    let index = try files.index(classes: SamplePhotographs.classes)
    #expect(files.paths[1].hasPrefix(cache.path + "/deep/signet/"))
    #expect(try Array(Data(contentsOf: URL(filePath: files.paths[1]))) == index.storage)
    try FileManager.default.removeItem(atPath: photographs.path + "/train/n001/n001_0.JPEG")
    try photographs.age()
    #expect(try files.index(classes: SamplePhotographs.classes).count == 17)
    let nowhere = ImageIndexFile(root: photographs.path, part: "train", cache: nil)
    #expect(try nowhere.index(classes: SamplePhotographs.classes).count == 17, "works without a place")
  }

  @Test func theDigestIsOfClassesNamesAndSizes() throws {
    let digest = try index().digest
    let copy = try SamplePhotographs()
    let other = ImageIndexFile(root: copy.path, part: "train", cache: nil)
    #expect(
      try other.index(classes: SamplePhotographs.classes).digest == digest, "elsewhere, at another time")
    let more = try Data(contentsOf: URL(filePath: copy.path + "/train/n001/n001_0.JPEG")) + [0]
    try more.write(to: URL(filePath: copy.path + "/train/n001/n001_0.JPEG"))
    #expect(try other.index(classes: SamplePhotographs.classes).digest != digest)
  }

  @Test func aClassWithoutImagesIsNamed() throws {
    try photographs.folder.makeFolder("train/n004")
    let error = try expectError(.empty) {
      try file().index(classes: SamplePhotographs.classes + ["n004"])
    }
    #expect(error.path?.hasSuffix("train/n004") == true)
  }
}
