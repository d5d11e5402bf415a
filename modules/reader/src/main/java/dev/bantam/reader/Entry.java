package dev.bantam.reader;

import java.io.IOException;

/** An entry of a safetensors file whose type, shape and place in the file agree. */
final class Entry {
  private final DataFile file;
  private final String name;
  private final ElementType type;
  private final long[] shape;
  private final long elements;
  private final long position;

  /**
   * @param shape taken over, not copied
   * @param elements the product of the shape
   * @param position of the first byte in the file
   */
  Entry(DataFile file, String name, ElementType type, long[] shape, long elements, long position) {
    this.file = file;
    this.name = name;
    this.type = type;
    this.shape = shape;
    this.elements = elements;
    this.position = position;
  }

  String name() {
    return name;
  }

  ElementType type() {
    return type;
  }

  long[] shape() {
    return shape.clone();
  }

  long elements() {
    return elements;
  }

  Place place() {
    return file.place().at(name);
  }

  /** The bytes of an entry of type U8. */
  byte[] bytes() throws IOException {
    return file.bytes(position, place().arrayLength(elements));
  }

  /** The values of an entry of a type of floats. */
  float[] floats() throws IOException {
    return file.floats(position, place().arrayLength(elements), type);
  }
}
