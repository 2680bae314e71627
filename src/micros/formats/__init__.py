"""One file per byte format. Pure: values in, bytes out; contents come through `base.step.Blobs`."""
