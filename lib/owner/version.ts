/** The package's, as package.json has it: requests tell it to stores. A constant, so that nothing is read where a bundle runs. */
export const version = '0.1.0'

/** How requests name their sender. */
export const userAgent: string = `forkfs/${version} node/${process.versions.node}`
