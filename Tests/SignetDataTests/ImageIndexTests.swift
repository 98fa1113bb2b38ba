// SPDX-License-Identifier: Apache-2.0

import CZlib
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
    let kept = URL(filePath: file().paths[0])
    #expect(try Array(Data(contentsOf: kept)) == first.storage)
    // The time when the folder was looked through is in the index.
    func isMadeAgain() throws -> Bool {
      let before = try Data(contentsOf: kept)
      _ = try index()
      return try Data(contentsOf: kept) != before
    }
    #expect(try !isMadeAgain())
    let manager = FileManager.default
    let old = photographs.path + "/train/n002/n002_3.JPEG"
    try manager.moveItem(atPath: old, toPath: photographs.path + "/train/n002/zebra.JPEG")
    try photographs.age(2000)
    #expect(try isMadeAgain() && paths(index()).contains("train/n002/zebra.JPEG"), "another time")
    #expect(try !isMadeAgain())
    try manager.removeItem(atPath: photographs.path + "/train/n003/n003_0.JPEG")
    #expect(try paths(index()).count == 17, "looked through again")
  }

  /// A file that is written anew in its place changes no folder's time: size and time of the file tell.
  @Test func filesWrittenInPlaceAreNoticed() throws {
    let old = try index()
    let name = "train/n001/n001_2.JPEG"
    try photographs.folder.write([1, 2, 3], to: name)
    let new = try index()
    #expect(new.fileBytes(at: 2) == 3 && new.digest != old.digest)
    // The same size, another time.
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -5000)], ofItemAtPath: photographs.path + "/" + name)
    #expect(try index().storage != new.storage)
    #expect(try index().digest == new.digest)
  }

  /// While images are read from it.
  @Test func filesThatChangeMeanwhileAreErrors() throws {
    let skipped = SkippedImages()
    let images = try photographs.spec().open(split: .training, skipped: skipped)
    try #require(FileManager.default.fileExists(atPath: file().paths[0]))
    let path = try photographs.folder.write([0xff, 0xd8, 0xff], to: "train/n001/n001_2.JPEG")
    let error = try expectError(.changed) { try images.image(at: 2) }
    #expect(error.path == path && error.message.contains("has 3 bytes") && !error.isOfFile)
    #expect(skipped.count == 0, "it is not the file's fault")
    #expect(!FileManager.default.fileExists(atPath: file().paths[0]), "so that it is made again")
    _ = try images.image(at: 3)
  }

  /// An index that stays would be used again, and its images refused for good.
  @Test func anIndexThatCanNotBeRemovedIsNamed() throws {
    let images = try photographs.spec().open(split: .training)
    let kept = file().paths[0]
    try photographs.folder.write([0xff, 0xd8, 0xff], to: "train/n001/n001_2.JPEG")
    // A folder in its place: nobody can remove that like a file, not even root.
    try FileManager.default.removeItem(atPath: kept)
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    let error = try expectError(.changed) { try images.image(at: 2) }
    #expect(error.message.contains("delete \(kept)") && error.message.contains("start the command again"))
  }

  /// Oracle: a file that is longer than the index in it says, or has no header, gives nothing, whatever else it holds.
  @Test(arguments: [false, true]) func foreignFilesAreNotReadWhole(hasHeader: Bool) throws {
    let good = try index()
    let path = file().paths[0]
    #expect(ImageIndexFile.content(of: path) == good.storage)
    // It takes no room on the disk.
    try Data(hasHeader ? good.storage : []).write(to: URL(filePath: path))
    try #require(truncate(path, 3 << 30) == 0)
    #expect(ImageIndexFile.content(of: path) == nil)
    #expect(try index().storage.count == good.storage.count)
  }

  /// One bad file is told when it is read, like others that can't be.
  @Test func aLinkToNothingIsAnImageThatCanNotBeRead() throws {
    let link = photographs.path + "/train/n001/n001_7.JPEG"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "nowhere")
    let skipped = SkippedImages()
    let images = try photographs.spec().open(split: .training, skipped: skipped)
    #expect(images.count == 19)
    #expect(try index().fileBytes(at: 6) == -1)
    let error = try expectError(.notFound) { try images.image(at: 6) }
    #expect(error.path == link && error.isOfFile && skipped.count == 1)
  }

  /// The checksum is no secret: whoever writes an index writes a right one.
  @Test func namesThatLeadOutOfTheFolderAreRefused() throws {
    let storage = try index().storage
    func renamed(_ old: String, _ new: String) throws -> ImageIndex? {
      var bytes = storage
      let place = try #require(bytes.indices.first { bytes[$0...].starts(with: old.utf8) })
      bytes.replaceSubrange(place..<place + old.utf8.count, with: new.utf8)
      let sum = bytes[16...].withUnsafeBufferPointer { crc32(0, $0.baseAddress, uInt($0.count)) }
      for k in 0..<4 { bytes[12 + k] = UInt8(truncatingIfNeeded: sum >> UInt(8 * k)) }
      return ImageIndex(bytes, folder: photographs.path + "/train")
    }
    for name in ["../n_3.JPEG", "/003_3.JPEG", "n0/3_3.JPEG", ".003_3.JPEG", "n003_3.JPE\0"] {
      #expect(try renamed("n003_3.JPEG", name) == nil, "\(name)")
    }
    for name in ["../n", "/etc", "n/03", "....", "n00\0"] {
      #expect(try renamed("n003", name) == nil, "\(name)")
    }
    #expect(try renamed("n003_3.JPEG", "m003_3.JPEG") != nil)
    #expect(try renamed("n003", "m003") != nil)
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
