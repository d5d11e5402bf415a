package dev.bantam.dl4j;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.deeplearning4j.util.ModelSerializer;

/**
 * The zip of DL4J's {@link ModelSerializer}, read without trusting it: nothing is unpacked to disk,
 * and entries may not have more bytes than what they are for can need.
 */
final class NetworkZip implements AutoCloseable {
  static final String CONFIGURATION = ModelSerializer.CONFIGURATION_JSON;
  static final String COEFFICIENTS = ModelSerializer.COEFFICIENTS_BIN;
  static final String UPDATER = ModelSerializer.UPDATER_BIN;

  private static final int MOST_ENTRIES = 64;
  private static final int MOST_CONFIGURATION = 16 << 20;

  /** Of all entries together that are copied and not looked into, such as a normalizer. */
  private static final int MOST_COPIED = 64 << 20;

  /**
   * Time of all entries, so that equal networks give equal files: 1980-01-01, the first of zips.
   */
  private static final java.time.LocalDateTime TIME =
      java.time.LocalDateTime.of(1980, 1, 1, 0, 0, 0);

  private final Path file;
  private final ZipFile zip;
  private final Map<String, ZipEntry> entries;
  private int mayBeCopied = MOST_COPIED;

  private NetworkZip(Path file, ZipFile zip, Map<String, ZipEntry> entries) {
    this.file = file;
    this.zip = zip;
    this.entries = entries;
  }

  /**
   * Opens a file and looks at its directory.
   *
   * @throws BantamException (bad input) if it is no zip of a network
   */
  static NetworkZip open(Path file) {
    try {
      final ZipFile zip = new ZipFile(file.toFile(), StandardCharsets.UTF_8);
      try {
        return new NetworkZip(file, zip, directory(file, zip));
      } catch (BantamException e) {
        zip.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw BantamException.badInput(
          file + " does not exist. Check the path; relative ones start at the working folder.", e);
    } catch (ZipException e) {
      throw BantamException.badInput(
          file
              + " is no readable zip ("
              + e.getMessage()
              + "). It may be cut off. Save the network again, or take another copy.",
          e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
  }

  private static Map<String, ZipEntry> directory(Path file, ZipFile zip) {
    final List<? extends ZipEntry> all = Collections.list(zip.entries());
    if (all.size() > MOST_ENTRIES) {
      throw BantamException.badInput(
          file
              + " has "
              + all.size()
              + " entries, and a network of DL4J has a handful. It is another kind of zip.");
    }
    final Map<String, ZipEntry> entries = new LinkedHashMap<>();
    for (ZipEntry entry : all) {
      final String name = entry.getName();
      if (name.startsWith("/")
          || name.contains("\\")
          || name.contains(":")
          || List.of(name.split("/", -1)).contains("..")) {
        throw BantamException.badInput(
            file + " has an entry '" + name + "' that points out of the zip. It is refused.");
      }
      if (entries.put(name, entry) != null) {
        throw BantamException.badInput(
            file + " has two entries '" + name + "', so it is not clear which counts.");
      }
    }
    final List<String> missing = new ArrayList<>();
    for (String needed : List.of(CONFIGURATION, COEFFICIENTS)) {
      if (!entries.containsKey(needed)) {
        missing.add(needed);
      }
    }
    if (!missing.isEmpty()) {
      throw BantamException.badInput(
          file
              + " lacks "
              + String.join(" and ", missing)
              + ", so it is no network as DL4J's ModelSerializer.writeModel saves it.");
    }
    return entries;
  }

  /** The configuration, JSON. */
  String configuration() {
    return new String(bytes(CONFIGURATION, MOST_CONFIGURATION), StandardCharsets.UTF_8);
  }

  /** Reads one entry as a stream. */
  <T> T read(String entry, Reading<T> reading) {
    try (InputStream in = zip.getInputStream(entries.get(entry))) {
      return reading.of(in);
    } catch (IOException e) {
      throw damaged(entry, e);
    }
  }

  /** What becomes of the bytes of an entry. */
  @FunctionalInterface
  interface Reading<T> {
    T of(InputStream in) throws IOException;
  }

  /** Names of the entries beside configuration, coefficients and updater state. */
  List<String> others() {
    return entries.keySet().stream()
        .filter(name -> !List.of(CONFIGURATION, COEFFICIENTS, UPDATER).contains(name))
        .filter(name -> !name.endsWith("/"))
        .toList();
  }

  boolean has(String entry) {
    return entries.containsKey(entry);
  }

  /** The bytes of an entry that is copied. */
  byte[] copied(String entry) {
    final byte[] bytes = bytes(entry, mayBeCopied);
    mayBeCopied -= bytes.length;
    return bytes;
  }

  /** The bytes of an entry, no more than {@code most}, whatever the zip says. */
  byte[] bytes(String entry, int most) {
    final byte[] bytes = read(entry, in -> in.readNBytes(most + 1));
    if (bytes.length > most) {
      throw BantamException.badInput(
          file
              + ": '"
              + entry
              + "' unpacks to more than "
              + most
              + " bytes, which is more than a network needs. It is refused.");
    }
    return bytes;
  }

  private BantamException damaged(String entry, IOException e) {
    return BantamException.badInput(
        file
            + ": '"
            + entry
            + "' cannot be unpacked ("
            + e.getMessage()
            + "). Save the network again, or take another copy.",
        e);
  }

  @Override
  public void close() {
    try {
      zip.close();
    } catch (IOException e) {
      throw BantamException.badInput("Cannot close " + file + ": " + e + ".", e);
    }
  }

  /** Writes a zip; equal content gives equal bytes. */
  static void write(Path file, Map<String, byte[]> content) {
    AtomicFiles.write(
        file,
        out -> {
          final ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8);
          for (Map.Entry<String, byte[]> one : content.entrySet()) {
            final ZipEntry entry = new ZipEntry(one.getKey());
            entry.setTimeLocal(TIME);
            zip.putNextEntry(entry);
            zip.write(one.getValue());
            zip.closeEntry();
          }
          zip.finish();
        });
  }
}
