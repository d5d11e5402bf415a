package dev.bantam.tensor;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 of files and bytes, in lower-case hex. */
public final class Hashes {
  private Hashes() {}

  /** A fresh digest. */
  public static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Ends a digest. */
  public static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Hash of bytes. */
  public static String of(byte[] bytes) {
    final MessageDigest digest = sha256();
    digest.update(bytes);
    return hex(digest);
  }

  /** Adds a file's bytes to a digest. */
  public static void update(MessageDigest digest, Path file) throws IOException {
    final byte[] buffer = new byte[1 << 18];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
  }

  /** Hash of a file. */
  public static String of(Path file) throws IOException {
    final MessageDigest digest = sha256();
    update(digest, file);
    return hex(digest);
  }
}
